"""The judgement on every case: what each arm is worth, which may be the best, and what the leader is worth."""

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
    """One observed arm."""

    cell: int
    runs: int
    observed: float
    """Mean of its runs."""
    estimate: Estimate
    """Empirical Bayes; refused where noise is not identified, as where no arm of the table was run twice."""
    chance_best: float | None
    """Probability that it is the best of the arms that ran; None where refused."""


class CaseJudgement(NamedTuple):
    """One case with at least one observed arm. Arms and cells ascend in canonical order."""

    case: str
    issue: str
    arms: tuple[ArmJudgement, ...]
    leader: int
    """Cell with the best mean; then the lower objective, then canonical order."""
    tie_size: int
    """Arms whose mean equals the leader's, the leader included."""
    claimed: int | None
    """The leader's cell where it may be called the winner."""
    p_value: float
    """Of the hardest two-sided test of the leader against another arm."""
    members: tuple[int, ...]
    """Cells that may be the best; with probability 95 % at least none that is has been left out."""
    soft: tuple[tuple[int, float], ...]
    """(cell, weight), adding up to 1: chances of being best within the set, or even shares of those tied with
    the leader where chances are not identified."""
    value: Estimate
    """What the leader is worth, with the winner's curse taken out."""


def judge_cases(
    table: BenchTable, *, seed: int, outcome: Outcome | None = None, objective: Floats | None = None
) -> tuple[CaseJudgement, ...]:
    """The judgements, in the table's order; cases without an observed arm have none.

    `outcome`, higher is better, is `pass_own_budget` where None. `objective` (E,), lower is better, orders arms
    equal in it: the minutes of runs with an outcome where None.
    """
    told = outcome or pass_own_budget(table)
    arms = arms_of(table, told.values)
    judge = _Judge(table, arms, told, table.minutes if objective is None else objective, seed)
    first = np.flatnonzero(np.diff(arms.case, prepend=-1))
    found = [judge.case(places) for places in np.split(np.arange(len(arms.place)), first[1:]) if len(places)]
    return tuple(judgement for _, judgement in sorted(found, key=lambda pair: pair[0]))


class _Judge:
    def __init__(self, table: BenchTable, arms: Arms, told: Outcome, objective: Floats, seed: int) -> None:
        self._table, self._arms, self._told = table, arms, told
        found = posterior_or_why_not(arms, seed=seed)
        self._beliefs = None if isinstance(found, str) else found
        self._why = found if isinstance(found, str) else ""
        self._binary = is_binary(arms)
        counted = np.where(np.isfinite(told.values), objective, np.nan)
        self._objective = np.nan_to_num(table.arm_means(counted), nan=np.inf)
        known = np.flatnonzero(np.isfinite(told.values))
        order = known[np.argsort(table.run_arm[known], kind="stable")]
        ends = np.searchsorted(table.run_arm[order], np.arange(len(table.arm_case) + 1))
        self._values = [told.values[order[a:b]] for a, b in pairwise(ends)]

    def case(self, places: Ints) -> tuple[int, CaseJudgement]:
        """The judgement on the arms at `places`, with the case's place in the table."""
        table, arms = self._table, self._arms
        cells = table.arm_cell[arms.place[places]].tolist()
        verdict = winner_set([self._sample(place) for place in arms.place[places]])
        number = int(table.arm_case[arms.place[places[0]]])
        judgement = CaseJudgement(
            case=table.cases[number],
            issue=table.issues[table.case_issue[number]],
            arms=tuple(self._arm(place) for place in places),
            leader=cells[verdict.leader],
            tie_size=verdict.tie_size,
            claimed=cells[verdict.leader] if verdict.claimed else None,
            p_value=verdict.p_value,
            members=tuple(cells[member] for member in verdict.members),
            soft=self._soft(places, cells, verdict),
            value=self._value(places, verdict),
        )
        return number, judgement

    def _sample(self, place: int) -> ArmSample:
        rank = (float(self._objective[place]), float(self._table.arm_cell[place]))
        return ArmSample(tuple(self._values[place].tolist()), rank)

    def _arm(self, place: int) -> ArmJudgement:
        arms, beliefs = self._arms, self._beliefs
        cell = int(self._table.arm_cell[arms.place[place]])
        seen = (cell, int(arms.runs[place]), float(arms.mean[place]))
        if beliefs is None:
            return ArmJudgement(*seen, refused(self._told.estimand, SHRUNK, self._why), None)
        mean, low, high = (float(part[place]) for part in beliefs[:3])
        estimate = Estimate(self._told.estimand, mean, min(low, mean), max(high, mean), SHRUNK)
        return ArmJudgement(*seen, estimate, float(beliefs.best[place]))

    def _soft(self, places: Ints, cells: list[int], verdict: WinnerSet) -> tuple[tuple[int, float], ...]:
        if self._beliefs is None:
            means = self._arms.mean[places]
            weight = np.isclose(means, means[verdict.leader], rtol=0, atol=1e-12).astype(np.float64)
        else:
            weight = np.zeros(len(cells))
            weight[list(verdict.members)] = self._beliefs.best[places[list(verdict.members)]]
            if weight.sum() == 0:
                weight[list(verdict.members)] = 1.0
        shares = (weight / weight.sum()).tolist()
        return tuple((cell, share) for cell, share in zip(cells, shares, strict=True) if share > 0)

    def _value(self, places: Ints, verdict: WinnerSet) -> Estimate:
        told, arms = self._told, self._arms
        method = f"empirical Bayes; exact 95 % interval, simultaneous over {len(places)} arms (Šidák)"
        if self._beliefs is None:
            return refused(told.estimand, method, self._why)
        leader = places[verdict.leader]
        runs, mean = float(arms.runs[leader]), float(arms.mean[leader])
        if self._binary:
            span = pass_interval(round(runs * mean), int(runs), len(places))
        else:
            freedom = float((arms.runs - 1).sum())
            span = mean_interval(mean, runs, len(places), within_variance(arms), freedom)
        point = float(np.clip(self._beliefs.mean[leader], span.low, span.high))
        return Estimate(told.estimand, point, max(told.low, span.low), min(told.high, span.high), method)
