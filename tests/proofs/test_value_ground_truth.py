"""A complete table of outcomes is known; from a few drawn cells an issue the intervals hold what it says."""

import numpy as np

from bench.statistics.cross_fit import cross_fitted
from bench.statistics.estimators import DOUBLY_ROBUST, HAJEK, HORVITZ_THOMPSON, terms
from bench.statistics.intervals import linearised
from bench.statistics.logs import bench_log
from bench.statistics.outcomes import pass_own_budget
from bench.statistics.table import Bools, Floats
from planner.space.heads import N_CELLS
from tests.proofs.conftest import Record, Size
from tests.proofs.value_worlds import CELLS, TYPES, make_table, make_world

ISSUES = 200
SLOTS = (2, 4)
"""Drawn without replacement from the first half of the cells, and from the second: chances are uneven."""


def test_intervals_from_sub_samples_hold_the_full_table(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=50, full=2000)
    rng = np.random.default_rng(14)
    world = make_world(14)
    types = rng.integers(TYPES, size=ISSUES)
    shift = rng.uniform(-world.shift, world.shift, ISSUES)
    complete = (rng.random((ISSUES, len(CELLS))) < world.rates[types] + shift[:, None]).astype(np.float64)
    policy = world.policy[types]
    truth = float((policy[:, CELLS] * complete).sum(axis=1).mean())
    held = np.array(
        [_held(complete, policy, np.eye(TYPES)[types], truth, number) for number in range(worlds)]
    )
    shares, naive = held[:, :3].mean(axis=0), held[:, 3].mean()
    least = 0.95 - 3 * float(np.sqrt(0.95 * 0.05 / worlds))
    record_property("claim", f"HT, Hájek and DR hold the value of the full table, {worlds} sub-samples")
    record_property(
        "found", ", ".join(f"{share:.1%}" for share in shares) + f"; unweighted means {naive:.1%}"
    )
    record_property("rule", f"≥ {least:.1%}; unweighted below")
    assert (shares >= least).all()
    assert naive < least


def _held(complete: Floats, policy: Floats, features: Floats, truth: float, number: int) -> Bools:
    rng = np.random.default_rng([number, 14])
    half = len(CELLS) // 2
    picked = np.hstack(
        [
            rng.random((ISSUES, half)).argsort(axis=1)[:, : SLOTS[0]],
            half + rng.random((ISSUES, half)).argsort(axis=1)[:, : SLOTS[1]],
        ]
    )
    picked.sort(axis=1)
    chances = np.zeros((ISSUES, N_CELLS))
    chances[:, CELLS] = np.repeat(SLOTS, half) / half
    passed = np.take_along_axis(complete, picked, axis=1)[:, :, None]
    table = make_table(chances, CELLS[picked], passed, np.arange(ISSUES))
    fitted = cross_fitted(table, features, pass_own_budget(table), "issue")
    log = bench_log(table, policy, table.passed, fitted=fitted)
    unweighted = log._replace(weight=np.ones_like(log.weight))
    found = [linearised(terms(one, log)) for one in (HORVITZ_THOMPSON, HAJEK, DOUBLY_ROBUST)]
    found.append(linearised(terms(HAJEK, unweighted)))
    return np.array([limits.low <= truth <= limits.high for limits in found])
