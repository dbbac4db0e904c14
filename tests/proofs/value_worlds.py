"""Worlds whose policy values are known exactly.

An issue has one of six types; the pass rate of a cell depends on the type, and all cells of an issue share a
shift of ±`shift`, so that arms of one issue are alike. π_e depends on the type alone. Cells are the valid
actions of code jobs; K of them are drawn with given inclusion probabilities.
"""

from typing import NamedTuple

import numpy as np

from bench.statistics.table import MISSING, BenchTable, Bools, Floats, Ints
from planner.space.heads import N_CELLS, valid_cells

CELLS = valid_cells("code").astype(np.intp)
TYPES = 6
N_ARMS = 6


class World(NamedTuple):
    """`rates` (TYPES, cells) before the shift; `policy` (TYPES, 240)."""

    rates: Floats
    policy: Floats
    shift: float

    @property
    def truth(self) -> float:
        """Types are equally likely and shifts cancel."""
        return float((self.policy[:, CELLS] * self.rates).sum() / TYPES)


class Draw(NamedTuple):
    """A table of a world with the types of its cases."""

    table: BenchTable
    types: Ints

    def policy(self, of: Floats) -> Floats:
        """(N, 240) of a policy by type."""
        return of[self.types]

    @property
    def features(self) -> Floats:
        """(N, TYPES)"""
        return np.eye(TYPES)[self.types]


def make_world(seed: int, shift: float = 0.15, greed: float = 20.0, middle: float = 0.7) -> World:
    """Rates of `middle` ± 0.15 and a policy that leans to the better cells of each type."""
    rng = np.random.default_rng([seed, 77])
    rates = middle + rng.uniform(-0.15, 0.15, (TYPES, len(CELLS)))
    return World(rates, softmax_policy(rates, greed), shift)


def softmax_policy(scores: Floats, greed: float) -> Floats:
    """(TYPES, 240) exp(greed · score) over the cells."""
    policy = np.zeros((TYPES, N_CELLS))
    odds = np.exp(greed * scores)
    policy[:, CELLS] = odds / odds.sum(axis=1, keepdims=True)
    return policy


def draw(
    world: World,
    rng: np.random.Generator,
    issues: int,
    *,
    arms: int = N_ARMS,
    replicates: int = 1,
    benches: int = 1,
) -> Draw:
    """`arms` cells a case uniformly without replacement; every issue occurs in `benches` cases."""
    types = np.repeat(rng.integers(TYPES, size=issues), benches)
    shift = np.repeat(rng.uniform(-world.shift, world.shift, issues), benches)
    picked = np.sort(rng.random((len(types), len(CELLS))).argsort(axis=1)[:, :arms], axis=1)
    rates = np.clip(world.rates[types[:, None], picked] + shift[:, None], 0, 1)
    passed = rng.random((*rates.shape, replicates)) < rates[:, :, None]
    chances = np.zeros((len(types), N_CELLS))
    chances[:, CELLS] = arms / len(CELLS)
    issue = np.repeat(np.arange(issues), benches)
    return Draw(make_table(chances, CELLS[picked], passed.astype(np.float64), issue), types)


def make_table(
    chances: Floats, cells: Ints, passed: Floats, issue: Ints, group: Ints | None = None
) -> BenchTable:
    """From (N, 240) chances, (N, K) cells and (N, K, R) passes with NaN where killed by a cap."""
    cases, arms, replicates = passed.shape
    groups = issue if group is None else group
    runs = passed.ravel()
    killed: Bools = ~np.isfinite(runs)
    return BenchTable(
        cases=tuple(f"case-{number:05}" for number in range(cases)),
        issues=tuple(f"issue-{number:05}" for number in range(int(issue.max()) + 1)),
        groups=tuple(f"group-{number:05}" for number in range(int(groups.max()) + 1)),
        case_issue=issue.astype(np.intp),
        case_group=groups.astype(np.intp),
        chances=chances,
        randomised=np.ones(cases, dtype=np.bool_),
        arm_case=np.repeat(np.arange(cases), arms),
        arm_cell=cells.ravel(),
        run_arm=np.repeat(np.arange(cases * arms), replicates),
        passed=runs,
        missing=np.where(killed, MISSING.index("killed_by_cap"), 0).astype(np.int8),
        minutes=np.full(len(runs), np.nan),
        usd=np.full(len(runs), np.nan),
    )
