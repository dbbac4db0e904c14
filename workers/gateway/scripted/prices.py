"""Price of what the scripted server has served: the farm's own price table, so that recorded equals served."""

from workers.prices.table import price
from workers.prices.tokens import Tokens

__all__ = ["Tokens", "price"]
