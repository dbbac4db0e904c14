"""Winner inference for every case: shrunken arm values, the set of possible winners, and the leader's value."""

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.arms import Arms, arms_of
from bench.statistics.components import SINGLE_RUNS, within_variance
from bench.statistics.estimate import Estimate, refused
from bench.statistics.outcomes import Outcome, pass_own_budget
from bench.statistics.posterior import is_binary, posterior_or_why_not
from bench.statistics.run_noise import RunNoise
from bench.statistics.table import BenchTable, Floats, Ints
from bench.statistics.winner_set import ArmSample, WinnerSet, credible_set, winner_set
from bench.statistics.winner_value import mean_interval, pass_interval

SHRUNK = "empirical Bayes; central 95 % of the posterior"
MEASURED: Final = "measured"
ASSUMED: Final = "assumed"
UNKNOWN: Final = "unknown"


class ArmJudgement(NamedTuple):
    """Estimates of one observed arm."""

    cell: int
    runs: int
    observed: float
    """Mean of its runs."""
    estimate: Estimate
    """Empirical-Bayes estimate; refused where the noise between runs is neither measured nor borrowed."""
    chance_best: float | None
    """P(best): posterior probability that it is the best of the arms that ran, those that tie for it sharing it
    equally; None where the noise is unknown."""


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
    """The leader's cell where it is significantly the best; only with `winner_set.FEWEST_RUNS` runs of every arm."""
    p_value: float
    """Of the hardest two-sided test of the leader against another arm."""
    members: tuple[int, ...]
    """The possible winners: the leader where it is claimed, else the leader and the fewest cells whose probabilities
    of being best sum to 95 % or more; the cells not beaten by a test where these are not known."""
    soft: tuple[tuple[int, float], ...]
    """The soft label, (cell, weight) with sum 1: the probabilities of being best, or equal shares of the arms tied
    with the leader where these are not known."""
    noise: str
    """Where the noise between runs of one arm is from: `MEASURED` in this bench, the id of the earlier bench that it
    was borrowed from, `ASSUMED`, or `UNKNOWN`."""
    value: Estimate
    """The leader's value, corrected for the winner's curse; refused as the estimates of arms."""

    @property
    def likeliest(self) -> int | None:
        """The cell with the greatest P(best), the leader among equals; None where these are not known."""
        chances = [arm.chance_best for arm in self.arms if arm.chance_best is not None]
        if not chances:
            return None
        best = [arm.cell for arm in self.arms if arm.chance_best == max(chances)]
        return self.leader if self.leader in best else best[0]

    @property
    def identified(self) -> bool:
        """Whether luck and merit can be separated: the noise between runs is measured, here or in an earlier bench."""
        return self.noise not in (ASSUMED, UNKNOWN)


def judge_cases(
    table: BenchTable,
    *,
    seed: int,
    outcome: Outcome | None = None,
    objective: Floats | None = None,
    noise: RunNoise | None = None,
) -> tuple[CaseJudgement, ...]:
    """Winner inference for each case, in the table's order; cases without an observed arm are left out.

    `outcome`, higher is better, is `pass_own_budget` where None. `objective` (E,), lower is better, breaks ties
    in the outcome: the minutes of runs with an outcome where None. `noise` is used where no arm was run twice and
    the outcome is binary; without it the probabilities of being best are not known there.
    """
    outcome = outcome or pass_own_budget(table)
    arms = arms_of(table, outcome.values)
    judge = _CaseJudge(table, arms, outcome, table.minutes if objective is None else objective, seed, noise)
    first = np.flatnonzero(np.diff(arms.case, prepend=-1))
    members = np.split(np.arange(len(arms.row)), first[1:])
    judgements = [judge.case(indices) for indices in members if len(indices)]
    return tuple(judgement for _, judgement in sorted(judgements, key=lambda pair: pair[0]))


class _CaseJudge:
    def __init__(
        self,
        table: BenchTable,
        arms: Arms,
        outcome: Outcome,
        objective: Floats,
        seed: int,
        noise: RunNoise | None,
    ) -> None:
        self._table, self._arms, self._outcome = table, arms, outcome
        borrowed = None if arms.replicated else noise
        posterior = posterior_or_why_not(arms, seed=seed, prior=borrowed and borrowed.prior)
        self._posterior = None if isinstance(posterior, str) else posterior
        self._noise = _source(borrowed) if self._posterior else UNKNOWN
        is_known = self._noise not in (ASSUMED, UNKNOWN)
        self._estimates = self._posterior if is_known else None
        self._why = posterior if isinstance(posterior, str) else SINGLE_RUNS
        self._of_noise = f", noise between runs as in {self._noise}" if borrowed else ""
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
            members=tuple(cells[member] for member in self._members(indices, verdict)),
            soft=self._soft(indices, cells, verdict),
            noise=self._noise,
            value=self._value(indices, verdict),
        )
        return number, judgement

    def _sample(self, row: int) -> ArmSample:
        rank = (float(self._objective[row]), float(self._table.arm_cell[row]))
        return ArmSample(tuple(self._values[row].tolist()), rank)

    def _arm(self, index: int) -> ArmJudgement:
        arms, posterior = self._arms, self._estimates
        cell = int(self._table.arm_cell[arms.row[index]])
        observed = (cell, int(arms.runs[index]), float(arms.mean[index]))
        chance = None if self._posterior is None else float(self._posterior.best[index])
        method = SHRUNK + self._of_noise
        if posterior is None:
            return ArmJudgement(*observed, refused(self._outcome.estimand, SHRUNK, self._why), chance)
        mean, low, high = (float(part[index]) for part in posterior[:3])
        estimate = Estimate(self._outcome.estimand, mean, min(low, mean), max(high, mean), method)
        return ArmJudgement(*observed, estimate, chance)

    def _members(self, indices: Ints, verdict: WinnerSet) -> tuple[int, ...]:
        if self._posterior is None or verdict.claimed:
            return verdict.members
        return credible_set(self._posterior.best[indices], verdict.leader)

    def _soft(self, indices: Ints, cells: list[int], verdict: WinnerSet) -> tuple[tuple[int, float], ...]:
        if self._posterior is None:
            means = self._arms.mean[indices]
            tied = np.isclose(means, means[verdict.leader], rtol=0, atol=1e-12)
            weights = (tied / tied.sum()).tolist()
        else:
            weights = self._posterior.best[indices].tolist()
        return tuple((cell, weight) for cell, weight in zip(cells, weights, strict=True) if weight > 0)

    def _value(self, indices: Ints, verdict: WinnerSet) -> Estimate:
        outcome, arms = self._outcome, self._arms
        span_of = f"exact 95 % interval, simultaneous over {len(indices)} arms (Šidák)"
        method = f"empirical Bayes{self._of_noise}; {span_of}"
        if self._estimates is None:
            return refused(outcome.estimand, method, self._why)
        leader = indices[verdict.leader]
        runs, mean = float(arms.runs[leader]), float(arms.mean[leader])
        if self._binary:
            span = pass_interval(round(runs * mean), int(runs), len(indices))
        else:
            freedom = float((arms.runs - 1).sum())
            span = mean_interval(mean, runs, len(indices), within_variance(arms), freedom)
        point = float(np.clip(self._estimates.mean[leader], span.low, span.high))
        return Estimate(
            outcome.estimand, point, max(outcome.low, span.low), min(outcome.high, span.high), method
        )


def _source(noise: RunNoise | None) -> str:
    if noise is None:
        return MEASURED
    return ASSUMED if noise.bench is None else noise.bench
