"""Benches whose draw depends on the issue: the product's sampler forces the heuristic baseline, which looks at risk
and size, and risky, large issues are hard.

Speculation is better than a serial run on every issue, and the baseline takes it on hard issues only: averaged as
they are, serial runs look better.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from bench.experiment.space import SamplingInput, SamplingRule
from bench.experiment.strategies.registry import get_strategy
from bench.experiment.strategies.sampling import propensities, sample_arms
from bench.experiment.worst_case import ArmLimits, CostModel, arm_space
from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, Floats, build_table
from planner.actions import SPECULATE, Action, all_cells, canonical_rank
from planner.space.baseline import baseline_action
from planner.space.heads import N_CELLS, valid_cells

_RISKS = ("low", "medium", "high", "critical")
_SIZES = ("XS", "S", "M", "L", "XL")
_LIMITS = CostModel(0.01, 0.25, 2, 2, 30.0)
CELLS = valid_cells("code").astype(np.intp)
SPECULATES = np.array([action.swarm_id == SPECULATE for action in all_cells()])


class IssueWorld(NamedTuple):
    """Issues with risk and size, and the pass rate of every valid action on each."""

    risks: tuple[str, ...]
    sizes: tuple[str, ...]
    rates: Floats
    """(issues, 240); 0 for invalid cells."""

    @property
    def values(self) -> Floats:
        """(240,) mean pass rate of each action over the issues."""
        values: Floats = self.rates.mean(axis=0)
        return values

    def topology(self, *, speculates: bool) -> float:
        """The mean over the valid actions of one topology."""
        members = [cell for cell in CELLS if SPECULATES[cell] == speculates]
        return float(self.values[members].mean())


def issue_world(seed: int, issues: int, *, lead: float = 0.5) -> IssueWorld:
    """`lead` is the effect of speculation in logits."""
    rng = np.random.default_rng([seed, 415])
    risk, size = rng.integers(len(_RISKS), size=issues), rng.integers(len(_SIZES), size=issues)
    hardness = 1.0 * (risk - 1.5) + 0.6 * (size - 2) + rng.normal(0, 1.2, issues)
    effect = np.zeros(N_CELLS)
    effect[CELLS] = rng.normal(0, 0.4, len(CELLS)) + lead * (SPECULATES[CELLS] - 0.5)
    rates = np.zeros((issues, N_CELLS))
    noise = 0.6 * rng.standard_normal((issues, len(CELLS)))
    rates[:, CELLS] = expit(1.4 * (effect[CELLS] - hardness[:, None] + noise))
    return IssueWorld(tuple(_RISKS[r] for r in risk), tuple(_SIZES[s] for s in size), rates)


def sampled_bench(
    world: IssueWorld,
    rng: np.random.Generator,
    *,
    issues: int,
    k: int,
    strategy: str = "coverage",
    replicates: int = 1,
) -> BenchTable:
    """A bench of `issues` issues of the world, with replacement, with arms drawn by the product's sampler."""
    space = arm_space("code", _LIMITS, ArmLimits())
    rule = SamplingRule(k, strategy, seed=int(rng.integers(2**31)))
    rows = rng.integers(len(world.rates), size=issues).tolist()
    inputs = [
        SamplingInput(f"i{number:05}", space, _baseline(world, row), None, rule)
        for number, row in enumerate(rows)
    ]
    ranks = {drawn.issue_id: number for number, drawn in enumerate(inputs)}
    prepared = get_strategy(strategy).prepare(inputs, ranks)
    return build_table(
        _case(world, rng, row, replicates, drawn) for row, drawn in zip(rows, prepared, strict=True)
    )


def _baseline(world: IssueWorld, row: int) -> Action:
    return baseline_action(world.risks[row], world.sizes[row], "code")


def _case(
    world: IssueWorld, rng: np.random.Generator, row: int, replicates: int, drawn: SamplingInput
) -> CaseRow:
    chances = np.zeros(N_CELLS)
    for action, chance in propensities(drawn).items():
        chances[canonical_rank(action)] = chance
    cells = [canonical_rank(arm.action) for arm in sample_arms(drawn).arms]
    arms = [
        ArmRow(
            cell,
            [
                ExecutionRow(number, bool(passed))
                for number, passed in enumerate(rng.random(replicates) < world.rates[row, cell])
            ],
        )
        for cell in cells
    ]
    return CaseRow(drawn.issue_id, drawn.issue_id, "repo", chances, True, arms)
