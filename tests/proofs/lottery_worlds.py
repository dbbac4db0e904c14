"""Benches of generated tables as arrays at once, and their logs, for proofs that need many draws."""

from collections.abc import Mapping

import numpy as np

from bench.statistics.cross_fit import GroupBy
from bench.statistics.estimators import Log
from bench.statistics.judging import Judge
from bench.statistics.logs import bench_log
from bench.statistics.outcomes import pass_own_budget
from bench.statistics.table import ArmPairs, BenchTable, Floats, Ints
from planner.space.heads import N_CELLS
from tests.proofs.table_worlds import OutcomeTable

BY_ISSUE: GroupBy = "issue"


def lottery(
    world: OutcomeTable,
    rng: np.random.Generator,
    k: int,
    *,
    forced: int | None = None,
    issues: int | None = None,
    replicates: int = 1,
) -> BenchTable:
    """What `bench_of` draws, without its rows: `k` arms an issue, one of them certain where `forced` is an index."""
    size, arms, attempts = world.passed.shape
    rows = np.arange(size) if issues is None else rng.integers(size, size=issues)
    free = np.array([arm for arm in range(arms) if arm != forced])
    slots = k - (forced is not None)
    picked = free[rng.random((len(rows), len(free))).argsort(axis=1)[:, :slots]]
    if forced is not None:
        picked = np.hstack([picked, np.full((len(rows), 1), forced)])
    picked.sort(axis=1)
    chance = np.full(arms, slots / len(free))
    if forced is not None:
        chance[forced] = 1.0
    chances = np.zeros((len(rows), N_CELLS))
    chances[:, world.cells] = chance
    attempt = rng.integers(attempts, size=(len(rows), k, replicates))
    passed, usd, minutes = (
        np.take_along_axis(values[rows[:, None], picked], attempt, axis=2).ravel()
        for values in (world.passed, world.usd, world.minutes)
    )
    names = tuple(f"i{number:05d}" for number in range(len(rows)))
    return BenchTable(
        cases=names,
        issues=names,
        groups=("repo",),
        case_issue=np.arange(len(rows)),
        case_group=np.zeros(len(rows), dtype=np.intp),
        chances=chances,
        randomised=np.ones(len(rows), dtype=np.bool_),
        arm_case=np.repeat(np.arange(len(rows)), k),
        arm_cell=world.cells[picked].ravel(),
        run_arm=np.repeat(np.arange(len(rows) * k), replicates),
        passed=passed,
        missing=np.zeros(len(passed), dtype=np.int8),
        minutes=minutes,
        usd=usd,
        pairs=_pairs(picked, forced, slots, len(free)),
        swaps=_swaps(world, picked, forced),
    )


def logs(table: BenchTable, policies: Mapping[str, Floats]) -> tuple[Judge, dict[str, Log]]:
    """The logs of the policies with their issue adjustment, whatever their diagnostics find in single draws."""
    judge = Judge(table, np.zeros((len(table.cases), 0)), pass_own_budget(table), BY_ISSUE)
    assert not isinstance(judge.fitted, str)
    return judge, {
        name: bench_log(table, policy, table.passed, judge.inverse, judge.fitted, judge.effect)
        for name, policy in policies.items()
    }


def _pairs(picked: Ints, forced: int | None, slots: int, free: int) -> ArmPairs:
    cases, k = picked.shape
    row, column = np.triu_indices(k, 1)
    starts = np.arange(cases)[:, None] * k
    certain = (picked[:, row] == forced) | (picked[:, column] == forced)
    joint = np.where(certain, slots / free, slots * (slots - 1) / (free * max(free - 1, 1)))
    return ArmPairs((starts + row).ravel(), (starts + column).ravel(), joint.ravel())


def _swaps(world: OutcomeTable, picked: Ints, forced: int | None) -> Floats:
    cases, k = picked.shape
    arms = len(world.cells)
    is_drawn = np.zeros((cases, arms), dtype=np.bool_)
    np.put_along_axis(is_drawn, picked, True, axis=1)
    open_arms = np.repeat(~is_drawn[:, None, :], k, axis=1)
    if forced is not None:
        open_arms[picked == forced] = False
    np.put_along_axis(open_arms, picked[:, :, None], True, axis=2)
    swaps = np.zeros((cases, k, N_CELLS))
    swaps[:, :, world.cells] = open_arms / open_arms.sum(axis=2, keepdims=True)
    return swaps.reshape(-1, N_CELLS)
