"""A race seldom drops an arm that none beats, however often it is looked at; and it does drop bad ones."""

from typing import Any

import numpy as np
import pytest

from bench.statistics.racing import ALPHA, races
from bench.statistics.table import Floats
from tests.proofs.conftest import Record, Size

LOOKS = 1000


def outcomes(worlds: int, issues: int, rates: list[float], shared: float = 0.3) -> Floats:
    """(worlds, issues, arms); issues are easy or hard for all arms alike, by ±`shared`."""
    rng = np.random.default_rng([worlds, issues, len(rates)])
    shift = rng.uniform(-shared, shared, (worlds, issues, 1))
    return (rng.random((worlds, issues, len(rates))) < np.array(rates) + shift).astype(float)


def peeked(passed: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Wrong on purpose: (worlds,) whether a paired test of some arm against the first ever rejects at α/6."""
    ahead = passed[:, :, :1] - passed[:, :, 1:]
    t = np.arange(1, passed.shape[1] + 1)[:, None]
    z = np.cumsum(ahead, axis=1) / np.sqrt(np.maximum(np.cumsum(ahead**2, axis=1), 1))
    return np.asarray((z[:, t[:, 0] >= 30] > 2.394).any(axis=(1, 2)))


@pytest.mark.parametrize("rate", [0.35, 0.65])
def test_equal_arms_are_seldom_dropped(rate: float, size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=400, full=5000)
    found = np.mean(
        [
            (races(part).issues > 0).any(axis=1).mean()
            for part in np.array_split(outcomes(worlds, LOOKS, [rate] * 6), max(worlds // 500, 1))
        ]
    )
    record_property(
        "claim", f"race of 6 equal arms at {rate:.0%}: any dropped in {LOOKS} looks, {worlds} worlds"
    )
    record_property("found", f"{found:.1%}")
    record_property("rule", "≤ 5 %")
    assert found <= ALPHA


def test_a_peeked_test_drops_equal_arms(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=300, full=2000)
    found = float(peeked(outcomes(worlds, LOOKS, [0.5] * 7)).mean())
    record_property("claim", f"a peeked paired test is caught, 6 nulls, {worlds} worlds")
    record_property("found", f"{found:.1%}")
    record_property("rule", "> 10 %")
    assert found > 2 * ALPHA


def test_bad_arms_are_dropped_and_the_best_stays(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=300, full=2000)
    found = races(outcomes(worlds, 300, [0.65, 0.6, 0.35, 0.35])).issues
    out = found > 0
    record_property(
        "claim", f"race of 65, 60, 35, 35 % over 300 issues, {worlds} worlds: bad arms out, best out"
    )
    record_property(
        "found", f"{out[:, 2:].mean():.1%}, {out[:, 0].mean():.1%}; median {np.median(found[:, 2:]):.0f}"
    )
    record_property("rule", "≥ 95 %, ≤ 5 %")
    assert out[:, 2:].mean() >= 0.95
    assert out[:, 0].mean() <= ALPHA
