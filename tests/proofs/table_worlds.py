"""Generated tables of outcomes with the traits of real ones, of which benches draw cells as the product does.

Real tables of agents have many issues that every agent solves and many that none does, arms that are alike on most
issues, true ties, and costs that are skewed and depend on the issue. Arms are cells of the action space in an order
that has nothing to do with their rates: they are systems, not settings of one system.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, Floats, Ints, build_table
from planner.space.heads import N_CELLS, valid_cells


class OutcomeTable(NamedTuple):
    """A complete table: every attempt of every arm on every issue."""

    cells: Ints
    """(A,) the cell of each arm."""
    passed: Floats
    """(issues, A, attempts)"""
    usd: Floats
    """(issues, A, attempts)"""
    minutes: Floats
    """(issues, A, attempts)"""

    @property
    def rates(self) -> Floats:
        """(issues, A) pass rate over the attempts: the truth of these issues."""
        rates: Floats = self.passed.mean(axis=2)
        return rates

    @property
    def values(self) -> Floats:
        """(A,) mean pass rate of each arm over these issues."""
        values: Floats = self.rates.mean(axis=0)
        return values


def systems_table(seed: int, *, issues: int = 500, arms: int = 24) -> OutcomeTable:
    """One attempt a cell, as a leader board of `arms` systems has."""
    return outcome_table(seed, issues=issues, arms=arms, attempts=1)


def agents_table(seed: int, *, issues: int = 80, arms: int = 13) -> OutcomeTable:
    """Five attempts a cell, as a benchmark of `arms` agents with repetitions has."""
    return outcome_table(seed, issues=issues, arms=arms, attempts=5)


def outcome_table(
    seed: int,
    *,
    issues: int,
    arms: int,
    attempts: int,
    spread: float = 0.7,
    noise: float = 0.9,
    usd: tuple[float, float] = (0.05, 3.0),
) -> OutcomeTable:
    """Rates by an item-response model: logit = ability + difficulty (bimodal) + interaction, with `noise` as its sd.

    `spread` is the sd of the abilities. The mean cost of arms lies between the ends of `usd`, log-uniform; within an
    arm costs are log-normal with a factor of the issue, and runs that fail cost more.
    """
    rng = np.random.default_rng([seed, 915])
    hard = rng.random(issues) < 0.45
    difficulty = np.where(hard, rng.normal(-2.6, 1.6, issues), rng.normal(2.4, 1.5, issues))
    ability = rng.normal(0, spread, arms)
    logit = ability + difficulty[:, None] + noise * rng.standard_normal((issues, arms))
    # Sharpened: on most issues an arm passes always or never.
    rates = expit(2.0 * logit)
    passed = (rng.random((issues, arms, attempts)) < rates[:, :, None]).astype(np.float64)
    price = np.exp(rng.uniform(np.log(usd[0]), np.log(usd[1]), arms))
    effort = np.exp(0.5 * rng.standard_normal((issues, 1, 1)))
    scatter = np.exp(0.6 * rng.standard_normal(passed.shape) - 0.18)
    cost = price[:, None] * effort * scatter * (1 + 0.8 * (1 - passed))
    minutes = 6 * effort * np.exp(0.7 * rng.standard_normal(passed.shape)) * (1 + 0.5 * (1 - passed))
    cells = np.sort(rng.choice(valid_cells("code").astype(np.intp), arms, replace=False))
    return OutcomeTable(cells, passed, cost, minutes)


def bench_of(
    world: OutcomeTable,
    rng: np.random.Generator,
    *,
    k: int,
    replicates: int = 1,
    forced: int | None = None,
    issues: int | None = None,
    cap: float | None = None,
) -> BenchTable:
    """A bench with `k` arms an issue: `forced` (an index) in all, the others without replacement with equal chances.

    Its issues are the table's, or a random `issues` of them, with replacement, as new issues of the same kind. Each
    run is an attempt of the table drawn at random, without replacement where there are enough. Runs dearer than
    `cap` dollars are killed.
    """
    size = len(world.passed)
    rows = np.arange(size) if issues is None else rng.integers(size, size=issues)
    return build_table(
        _case(world, rng, number, int(row), k, replicates, forced, cap) for number, row in enumerate(rows)
    )


def _case(
    world: OutcomeTable,
    rng: np.random.Generator,
    number: int,
    row: int,
    k: int,
    replicates: int,
    forced: int | None,
    cap: float | None,
) -> CaseRow:
    arms, attempts = world.passed.shape[1:]
    free = [arm for arm in range(arms) if arm != forced]
    slots = k if forced is None else k - 1
    drawn = sorted(rng.choice(free, slots, replace=False).tolist())
    tried = sorted([*drawn, *([] if forced is None else [forced])])
    chances, swaps = np.zeros(N_CELLS), np.zeros((k, N_CELLS))
    chances[world.cells[free]] = slots / len(free)
    joint = np.full((k, k), slots * (slots - 1) / (len(free) * max(len(free) - 1, 1)))
    for position, arm in enumerate(tried):
        open_arms = [arm] if arm == forced else [arm, *(other for other in free if other not in tried)]
        swaps[position, world.cells[open_arms]] = 1 / len(open_arms)
        if arm == forced:
            chances[world.cells[arm]] = 1.0
            joint[position, :] = joint[:, position] = slots / len(free)
    np.fill_diagonal(joint, chances[world.cells[tried]])
    picked = rng.permuted(np.tile(np.arange(attempts), (k, 1)), axis=1)
    if replicates > attempts:
        picked = rng.integers(attempts, size=(k, replicates))
    rows = [
        ArmRow(
            int(world.cells[arm]),
            [_run(world, row, arm, attempt, place, cap) for place, attempt in enumerate(runs[:replicates])],
        )
        for arm, runs in zip(tried, picked.tolist(), strict=True)
    ]
    name = f"i{number:05d}"
    return CaseRow(name, name, "repo", chances, True, rows, joint, swaps)


def _run(
    world: OutcomeTable, row: int, arm: int, attempt: int, place: int, cap: float | None
) -> ExecutionRow:
    usd = float(world.usd[row, arm, attempt])
    if cap is not None and usd > cap:
        return ExecutionRow(place, None, "killed_by_cap", usd=cap)
    return ExecutionRow(
        place,
        bool(world.passed[row, arm, attempt]),
        minutes=float(world.minutes[row, arm, attempt]),
        usd=usd,
    )


def always(world: OutcomeTable, table: BenchTable, arm: int) -> Floats:
    """(N, 240) the policy that takes one arm on every issue."""
    policy = np.zeros((len(table.cases), N_CELLS))
    policy[:, world.cells[arm]] = 1.0
    return policy
