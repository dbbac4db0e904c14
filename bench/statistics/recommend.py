"""Which fixed action to use instead of today's policy: by how much it is better, how sure that is, what settles it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from bench.statistics.choice import ActionChoice, choose_action
from bench.statistics.contender_bounds import ContenderBounds
from bench.statistics.contender_spend import ContenderSpend
from bench.statistics.contenders import Contenders, contenders_of, credible, effective_runs
from bench.statistics.diagnostics import why_no_lottery
from bench.statistics.judging import Judge, Judged
from bench.statistics.missing import MOST_WEIGHTED
from bench.statistics.outcomes import Outcome
from bench.statistics.power import Aim, issues_needed
from bench.statistics.recommendation import (
    FEWEST_ISSUES,
    LIKELY,
    SURE,
    BestAction,
    Recommendation,
    Settling,
    Word,
)
from bench.statistics.table import BenchTable, Bools, Floats
from planner.space.heads import N_CELLS

MOST_ISSUES: Final = 1000
"""No bench of more issues is proposed."""
SHOWN: Final = 4
"""The best actions that are described, in addition to today's policy."""
STATED_DIFFERENCE: Final = 0.20
"""What a bench should be able to find where too few issues ran for an estimate of the difference."""
_SURELY: Final = Aim(alpha=2 * (1 - SURE))
"""The two-sided test that finds a difference where the posterior is sure of its sign."""
_ONE_ACTION: Final = "one action ran, so there is nothing to compare it with: submit with --k 2 or more"
_NOT_EVERYWHERE: Final = (
    "fewer than two of the actions that ran are allowed on every issue: "
    "bench one job type at a time, or more issues"
)
_NO_CASE: Final = "no issue has a verdict yet, so there is nothing to recommend"
_ALL_MISSING: Final = "every run ended in an error or did not start: see the errors, and run them again"


def recommend(
    table: BenchTable,
    today: Floats,
    features: Floats,
    outcome: Outcome,
    *,
    seed: int,
    expected: int | None = None,
) -> Recommendation:
    """The recommendation from `table`, whose arms must be drawn at random, or be the same on every issue.

    `today` (N, 240) is the policy in use, `features` (N, D) describe the cases. While a bench runs, `expected` is the
    number of issues it will have; a look is never called sure.
    """
    known = np.isfinite(outcome.values)
    cases = table.arm_case[np.unique(table.run_arm[known])]
    nothing = Recommendation(
        outcome.estimand,
        issues=len(np.unique(table.case_issue[cases])),
        runs=int(known.sum()),
        missing=float(1 - known.mean()) if len(known) else 0.0,
        expected=expected,
    )
    drawn = _as_drawn(table)
    if isinstance(drawn, str):
        return replace(nothing, why_not=drawn)
    if why := _why_not(drawn, outcome.values):
        return replace(nothing, why_not=why)
    return _recommended(nothing, drawn, today, features, outcome, seed)


def _as_drawn(table: BenchTable) -> BenchTable | str:
    """The table with inclusion probabilities; those of complete blocks, the same arms on every issue, are 1."""
    if not table.cases:
        return _NO_CASE
    why = why_no_lottery(table)
    if why is None:
        return table
    tried = np.zeros((len(table.cases), N_CELLS))
    tried[table.arm_case, table.arm_cell] = 1.0
    ran = tried[tried.any(axis=1)]
    if not len(ran) or (ran != ran[0]).any():
        return why
    return replace(
        table, chances=np.tile(ran[0], (len(tried), 1)), randomised=np.ones(len(tried), dtype=np.bool_)
    )


def _why_not(table: BenchTable, values: Floats) -> str | None:
    known = np.isfinite(values)
    if not known.any():
        return _ALL_MISSING
    if len(np.unique(table.arm_cell[table.run_arm[known]])) < 2:
        return _ONE_ACTION
    if np.ptp(values[known]) == 0:
        how, issues = ("passed", "harder") if values[known][0] > 0 else ("failed", "easier")
        return f"all {known.sum()} runs {how}, so passes do not set the actions apart: bench {issues} issues"
    return None


def _recommended(
    nothing: Recommendation,
    table: BenchTable,
    today: Floats,
    features: Floats,
    outcome: Outcome,
    seed: int,
) -> Recommendation:
    choice = choose_action(table, outcome.values, today, seed=seed)
    choice = choice.among(_allowed_everywhere(table, today)[choice.cells])
    if not len(choice.cells) or (len(choice.cells) == 1 and choice.today is None):
        return replace(nothing, why_not=_NOT_EVERYWHERE)
    contenders = contenders_of(choice, today)
    ranked = contenders.ranked()
    leader, rival = leader_and_rival(contenders, ranked)
    shown = _shown(contenders, [leader, *ranked])
    bounds = ContenderBounds(table, outcome, contenders, today, seed)
    missing = max(nothing.missing, bounds.missing_share(leader), bounds.missing_share(rival))
    bounded = bounds if missing > MOST_WEIGHTED else None
    spend = ContenderSpend(table, features, contenders, today, sorted({*shown, rival}), rival, seed)
    gain = contenders.draws[:, leader] - contenders.draws[:, rival]
    chance = _chance(contenders, leader, rival)
    confirmed = partial(is_confirmed, table, features, outcome, contenders, today, (leader, rival))
    word = None if bounded else _word(chance, nothing, confirmed)

    def best(contender: int) -> BestAction:
        return BestAction(
            contenders.cells[contender],
            contender == contenders.today,
            bounded.of(contender)
            if bounded
            else credible(outcome.estimand, contenders.draws[:, contender], 0.0, 1.0, choice.issues),
            None
            if bounded or contenders.today in (None, contender)
            else credible(outcome.estimand, _gain(contenders, contender), -1.0, 1.0, choice.issues),
            effective_runs(table, contenders.policy(contender, today), outcome.values),
            spend.of_a_run(contender),
            None if bounded else contenders.chance_best[contender],
        )

    to_come = 0 if nothing.expected is None else max(0, nothing.expected - nothing.issues)
    costs = [spend.of_a_run(contender).value for contender in (leader, rival)]
    return replace(
        nothing,
        cell=contenders.cells[leader],
        keeps_today=leader == contenders.today,
        word=word,
        chance=None if bounded else chance,
        rival=contenders.cells[rival],
        rival_is_today=rival == contenders.today,
        difference=bounded.difference(leader, rival)
        if bounded
        else credible(outcome.estimand, gain, -1.0, 1.0, choice.issues),
        dollars=spend.more_than_rival(leader),
        settling=None if word in (None, "sure") else settling(gain, choice, costs, to_come),
        best=tuple(map(best, shown)),
    )


def _allowed_everywhere(table: BenchTable, today: Floats) -> Bools:
    """(240,) the actions that could be drawn on every issue, or that today's policy takes on every issue."""
    allowed: Bools = np.logical_or((table.chances > 0).all(axis=0), (today > 0).all(axis=0))
    return allowed


def _gain(contenders: Contenders, contender: int) -> Floats:
    """(D,) draws of the pass rate minus that of today's policy."""
    gain: Floats = contenders.draws[:, contender] - contenders.draws[:, contenders.today]
    return gain


def leader_and_rival(contenders: Contenders, ranked: list[int]) -> tuple[int, int]:
    """The contender to recommend and the one it is compared with: today's where that is as likely to be the better."""
    first, today = ranked[0], contenders.today
    if today is None or first == today:
        return first, ranked[1]
    return (first, today) if better(contenders.draws, first, today) > 0.5 else (today, first)


def better(draws: Floats, contender: int, other: int) -> float:
    """P(better), half of the ties included."""
    above, equal = draws[:, contender] > draws[:, other], draws[:, contender] == draws[:, other]
    return float(above.mean() + equal.mean() / 2)


def _chance(contenders: Contenders, leader: int, rival: int) -> float:
    """P(better than the rival) where either is today's and led by another; else P(best). Ties are shared."""
    draws = contenders.draws
    means = np.round(draws.mean(axis=0), 9)
    if rival == contenders.today or means[leader] < means[rival]:
        return better(draws, leader, rival)
    top = draws >= draws.max(axis=1, keepdims=True)
    return float((top[:, leader] / top.sum(axis=1)).mean())


def _shown(contenders: Contenders, ranked: list[int]) -> list[int]:
    """The contenders to describe: the first of `ranked`, which may repeat, and today's policy."""
    shown = list(dict.fromkeys(ranked))[:SHOWN]
    return shown if contenders.today is None or contenders.today in shown else [*shown, contenders.today]


def _word(chance: float, data: Recommendation, confirmed: Callable[[], bool]) -> Word:
    if chance >= SURE and data.expected is None and data.issues >= FEWEST_ISSUES and confirmed():
        return "sure"
    return "likely" if chance >= LIKELY else "unsure"


def is_confirmed(
    table: BenchTable,
    features: Floats,
    outcome: Outcome,
    contenders: Contenders,
    today: Floats,
    pair: tuple[int, int],
) -> bool:
    """Whether the paired doubly robust difference of a pair, which needs no prior, excludes 0.

    Where its arms are too few for that estimate, whether the leader has the effective runs of `FEWEST_ISSUES` issues.
    """
    judge = Judge(table, features, outcome, "issue", policies=len(pair))
    leader, rival = (Judged(judge, contenders.policy(contender, today)) for contender in pair)
    difference = leader.minus(rival)
    if difference.low is None:
        policy = contenders.policy(pair[0], today)
        return effective_runs(table, policy, outcome.values) >= FEWEST_ISSUES
    return difference.low > 0


def settling(
    gain: Floats, choice: ActionChoice, costs: list[float | None], to_come: int = 0
) -> Settling | None:
    """A bench of both actions that would make the difference sure with 80 % power, less what the data are worth.

    `gain` (D,) are draws of the difference, `costs` the dollars of a run of each, and `to_come` the issues that a
    running bench has yet to decide, each worth as much as one so far. None where more than `MOST_ISSUES` issues would
    be needed.
    """
    few = choice.issues < FEWEST_ISSUES
    difference, variance = STATED_DIFFERENCE if few else abs(float(gain.mean())), 2 * choice.noise
    if difference**2 * MOST_ISSUES < variance:
        return None
    worth = choice.issues if few else variance / max(float(gain.var()), 1e-12)
    worth *= 1 + to_come / choice.issues
    issues = max(0 if to_come else 1, issues_needed(variance, difference, _SURELY) - int(worth))
    if issues > MOST_ISSUES:
        return None
    known = [cost for cost in costs if cost is not None]
    return Settling(difference, issues, issues * sum(known) if len(known) == len(costs) else None)
