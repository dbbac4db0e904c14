"""Winner inference for every case: shrunken arm values, the set of possible winners, and the leader's value."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bench.statistics.arms import Arms, arms_of
from bench.statistics.components import within_variance
from bench.statistics.estimate import Estimate, refused
from bench.statistics.outcomes import Outcome, pass_own_budget
from bench.statistics.posterior import is_binary, posterior_or_why_not
from bench.statistics.table import BenchTable, Floats, Ints
from bench.statistics.winner_set import ArmSample, WinnerSet, winner_set
from bench.statistics.winner_value import mean_interval, pass_interval

SHRUNK = "empirical Bayes; central 95 % of the posterior"


class ArmJudgement(NamedTuple):
    """Estimates of one observed arm."""

    cell: int
    runs: int
    observed: float
    """Mean of its runs."""
    estimate: Estimate
    """Empirical-Bayes estimate; refused where the noise variance is not identified (no arm was run twice)."""
    chance_best: float | None
    """Posterior probability that it is the best of the arms that ran; None where refused."""


class CaseJudgement(NamedTuple):
    """Winner inference for one case with at least one observed arm. Arms and cells ascend in canonical order."""

    case: str
    issue: str
    arms: tuple[ArmJudgement, ...]
    leader: int
    """Cell with the best mean; then the lower objective, then canonical order."""
    tie_size: int
    """Arms whose mean equals the leader's, the leader included."""
    claimed: int | None
    """The leader's cell where it is significantly the best."""
    p_value: float
    """Of the hardest two-sided test of the leader against another arm."""
    members: tuple[int, ...]
    """Confidence set of the best: cells not beaten; it contains every best arm with probability 95 % at least."""
    soft: tuple[tuple[int, float], ...]
    """(cell, weight) with sum 1: the probabilities of being best within the set, or equal shares of the arms tied
    with the leader where these are not identified."""
    value: Estimate
    """The leader's value, corrected for the winner's curse."""


def judge_cases(
    table: BenchTable, *, seed: int, outcome: Outcome | None = None, objective: Floats | None = None
) -> tuple[CaseJudgement, ...]:
    """Winner inference for each case, in the table's order; cases without an observed arm are left out.

    `outcome`, higher is better, is `pass_own_budget` where None. `objective` (E,), lower is better, breaks ties
    in the outcome: the minutes of runs with an outcome where None.
    """
    outcome = outcome or pass_own_budget(table)
    arms = arms_of(table, outcome.values)
    judge = _CaseJudge(table, arms, outcome, table.minutes if objective is None else objective, seed)
    first = np.flatnonzero(np.diff(arms.case, prepend=-1))
    members = np.split(np.arange(len(arms.row)), first[1:])
    judgements = [judge.case(indices) for indices in members if len(indices)]
    return tuple(judgement for _, judgement in sorted(judgements, key=lambda pair: pair[0]))


class _CaseJudge:
    def __init__(self, table: BenchTable, arms: Arms, outcome: Outcome, objective: Floats, seed: int) -> None:
        self._table, self._arms, self._outcome = table, arms, outcome
        posterior = posterior_or_why_not(arms, seed=seed)
        self._posterior = None if isinstance(posterior, str) else posterior
        self._why = posterior if isinstance(posterior, str) else ""
        self._binary = is_binary(arms)
        counted = np.where(np.isfinite(outcome.values), objective, np.nan)
        self._objective = np.nan_to_num(table.arm_means(counted), nan=np.inf)
        known = np.flatnonzero(np.isfinite(outcome.values))
        order = known[np.argsort(table.run_arm[known], kind="stable")]
        ends = np.searchsorted(table.run_arm[order], np.arange(len(table.arm_case) + 1))
        self._values = [outcome.values[order[a:b]] for a, b in pairwise(ends)]

    def case(self, indices: Ints) -> tuple[int, CaseJudgement]:
        """Inference for the arms at `indices`, with the case's index in the table."""
        table, arms = self._table, self._arms
        cells = table.arm_cell[arms.row[indices]].tolist()
        verdict = winner_set([self._sample(row) for row in arms.row[indices]])
        number = int(table.arm_case[arms.row[indices[0]]])
        judgement = CaseJudgement(
            case=table.cases[number],
            issue=table.issues[table.case_issue[number]],
            arms=tuple(self._arm(index) for index in indices),
            leader=cells[verdict.leader],
            tie_size=verdict.tie_size,
            claimed=cells[verdict.leader] if verdict.claimed else None,
            p_value=verdict.p_value,
            members=tuple(cells[member] for member in verdict.members),
            soft=self._soft(indices, cells, verdict),
            value=self._value(indices, verdict),
        )
        return number, judgement

    def _sample(self, row: int) -> ArmSample:
        rank = (float(self._objective[row]), float(self._table.arm_cell[row]))
        return ArmSample(tuple(self._values[row].tolist()), rank)

    def _arm(self, index: int) -> ArmJudgement:
        arms, posterior = self._arms, self._posterior
        cell = int(self._table.arm_cell[arms.row[index]])
        observed = (cell, int(arms.runs[index]), float(arms.mean[index]))
        if posterior is None:
            return ArmJudgement(*observed, refused(self._outcome.estimand, SHRUNK, self._why), None)
        mean, low, high = (float(part[index]) for part in posterior[:3])
        estimate = Estimate(self._outcome.estimand, mean, min(low, mean), max(high, mean), SHRUNK)
        return ArmJudgement(*observed, estimate, float(posterior.best[index]))

    def _soft(self, indices: Ints, cells: list[int], verdict: WinnerSet) -> tuple[tuple[int, float], ...]:
        if self._posterior is None:
            means = self._arms.mean[indices]
            weight = np.isclose(means, means[verdict.leader], rtol=0, atol=1e-12).astype(np.float64)
        else:
            weight = np.zeros(len(cells))
            weight[list(verdict.members)] = self._posterior.best[indices[list(verdict.members)]]
            if weight.sum() == 0:
                weight[list(verdict.members)] = 1.0
        shares = (weight / weight.sum()).tolist()
        return tuple((cell, share) for cell, share in zip(cells, shares, strict=True) if share > 0)

    def _value(self, indices: Ints, verdict: WinnerSet) -> Estimate:
        outcome, arms = self._outcome, self._arms
        method = f"empirical Bayes; exact 95 % interval, simultaneous over {len(indices)} arms (Šidák)"
        if self._posterior is None:
            return refused(outcome.estimand, method, self._why)
        leader = indices[verdict.leader]
        runs, mean = float(arms.runs[leader]), float(arms.mean[leader])
        if self._binary:
            span = pass_interval(round(runs * mean), int(runs), len(indices))
        else:
            freedom = float((arms.runs - 1).sum())
            span = mean_interval(mean, runs, len(indices), within_variance(arms), freedom)
        point = float(np.clip(self._posterior.mean[leader], span.low, span.high))
        return Estimate(
            outcome.estimand, point, max(outcome.low, span.low), min(outcome.high, span.high), method
        )
