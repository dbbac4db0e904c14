"""The spend of a bench over time."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from db.repositories.page_rows import SpendRow

_MICRO: Final = 1_000_000


def spend_curve(stretches: Sequence[SpendRow]) -> tuple[list[float], list[float]]:
    """Seconds since 1970, and the dollars spent up to the stretch that begins then and with it."""
    times = [stretch.at.timestamp() for stretch in stretches]
    return times, [total / _MICRO for total in accumulate(stretch.micro_usd for stretch in stretches)]
