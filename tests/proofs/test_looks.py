"""Intervals that are looked at all the time hold the truth at all looks; a peeked one does not."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.statistics.estimators import HORVITZ_THOMPSON, terms
from bench.statistics.logs import bench_log
from bench.statistics.looks import ALPHA, log_capital
from bench.statistics.sequence import sequence_width
from bench.statistics.table import Bools, Floats
from tests.proofs.conftest import Record, Size
from tests.proofs.value_worlds import draw, make_world

LOOKS = 1000
FIRST = 30
"""From here on an asymptotic interval is given."""

Misses = Callable[[Floats, float], Bools]
"""(worlds, looks) whether the interval at that look leaves out the mean."""


def betting(values: Floats, mean: float) -> Bools:
    more, less = log_capital(values, mean), log_capital(1 - values, 1 - mean)
    return np.maximum(more, less) >= np.log(2 / ALPHA)


def running(values: Floats) -> tuple[Floats, Floats]:
    """Means and standard deviations of the first t values, for every t."""
    t = np.arange(1, values.shape[1] + 1)
    means = np.cumsum(values, axis=1) / t
    squares = np.cumsum(values**2, axis=1) / t - means**2
    return means, np.sqrt(np.maximum(squares * t / np.maximum(t - 1, 1), 0))


def asymptotic(values: Floats, mean: float) -> Bools:
    means, deviations = running(values)
    t = np.arange(1, values.shape[1] + 1)
    off = np.abs(means - mean) > sequence_width(t, values.shape[1]) * deviations
    off[:, : FIRST - 1] = False
    return off


def peeked_wilson(values: Floats, mean: float) -> Bools:
    """Wrong on purpose: an interval for one look, looked at again and again."""
    means, _ = running(values)
    t, z = np.arange(1, values.shape[1] + 1), 1.959964
    middle = (means + z**2 / (2 * t)) / (1 + z**2 / t)
    half = z / (1 + z**2 / t) * np.sqrt(means * (1 - means) / t + z**2 / (4 * t**2))
    off = np.abs(middle - mean) > half
    off[:, : FIRST - 1] = False
    return off


def passes(worlds: int, rate: float) -> Floats:
    """(worlds, LOOKS) one run an issue."""
    return (np.random.default_rng([worlds, round(1000 * rate)]).random((worlds, LOOKS)) < rate).astype(float)


def ever(misses: Misses, worlds: int, rate: float) -> float:
    return float(misses(passes(worlds, rate), rate).any(axis=1).mean())


def tell(record_property: Record, name: str, worlds: int, found: float, rule: str) -> None:
    record_property("claim", f"{name}: ever wrong in {LOOKS} looks, {worlds} worlds")
    record_property("found", f"{found:.1%}")
    record_property("rule", rule)


@pytest.mark.parametrize("rate", [0.05, 0.4, 0.9])
def test_betting_sequences_are_seldom_ever_wrong(rate: float, size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=1000, full=10_000)
    found = ever(betting, worlds, rate)
    tell(record_property, f"betting on a pass rate of {rate:.0%}", worlds, found, "≤ 5 %")
    assert found <= ALPHA


def test_asymptotic_sequences_are_seldom_ever_wrong(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=1000, full=10_000)
    found = ever(asymptotic, worlds, 0.4)
    tell(record_property, "asymptotic, a pass rate of 40 %", worlds, found, "≤ 5 %")
    assert found <= ALPHA


def test_asymptotic_sequences_of_weighted_outcomes_are_seldom_ever_wrong(
    size: Size, record_property: Record
) -> None:
    worlds = size.worlds(thin=25, full=500)
    found = []
    for number in range(worlds):
        world = make_world(number)
        drawn = draw(world, np.random.default_rng([number, 11]), LOOKS)
        of = terms(HORVITZ_THOMPSON, bench_log(drawn.table, drawn.policy(world.policy), drawn.table.passed))
        found.append(asymptotic(of.top, world.truth).any())
    share = float(np.mean(found))
    tell(record_property, "asymptotic, HT of a policy", worlds, share, "≤ 5 %")
    assert share <= ALPHA


def test_a_peeked_interval_fails(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=1000, full=10_000)
    found = ever(peeked_wilson, worlds, 0.4)
    tell(record_property, "peeked Wilson is caught", worlds, found, "> 20 %")
    assert found > 0.2
