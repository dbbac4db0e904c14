"""The registry of sampling strategies: choices of the command line, the config and the docs come from here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bench.errors import BenchError
from bench.experiment.strategies.anchor import AnchorStrategy
from bench.experiment.strategies.contract import Strategy
from bench.experiment.strategies.coverage import CoverageStrategy
from bench.experiment.strategies.covering import CoveringStrategy
from bench.experiment.strategies.deterministic import DeterministicStrategy
from bench.experiment.strategies.racing import RacingStrategy
from bench.experiment.strategies.random import RandomStrategy

_ALL: Final[tuple[Strategy, ...]] = (
    DeterministicStrategy(),
    RandomStrategy(),
    CoverageStrategy(),
    CoveringStrategy(),
    AnchorStrategy(),
    RacingStrategy(),
)
STRATEGIES: Final[Mapping[str, Strategy]] = MappingProxyType({strategy.name: strategy for strategy in _ALL})
"""By name, in the order in which users see them."""


def get_strategy(name: str) -> Strategy:
    """The strategy of that name; raises `BenchError` where it is not registered."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise BenchError(f"unknown strategy {name!r}; known are {', '.join(STRATEGIES)}") from None
