"""Variance attribution: Shapley shares of the components of an action in the variance between actions.

With X drawn from a stated distribution over actions and μ(a) the mean outcome of action a over issues,
v(u) = Var E[μ | X_u] ÷ Var μ for every set u of the four components, and

    φ_j = Σ_{u∌j} |u|! (3 − |u|)! ÷ 4! · [v(u ∪ j) − v(u)],   Σ φ = 1

(Owen, "Sobol' indices and Shapley value", 2014; Owen and Prieur, 2017, for components that are not independent).

μ(a)·μ(b) is estimated from pairs of *different* issues, whose draws and noise are independent: no noise, whether
of replicates, issues or draws, is left in the variances, also where every arm ran once. Shares of a small true
variance may come out below 0.
"""

from itertools import combinations
from math import factorial
from typing import Final, NamedTuple

import numpy as np

from bench.statistics.diagnostics import counts_chance, diagnose, why_no_lottery
from bench.statistics.estimate import Estimate, refused
from bench.statistics.knobs import Rows, knob_rows, tied, varied
from bench.statistics.logs import bench_log, check_policy
from bench.statistics.missing import missing_report, observation_weights
from bench.statistics.outcomes import Outcome, pass_own_budget
from bench.statistics.table import BenchTable, Bools, Floats
from planner.space.heads import HEADS, N_CELLS

RESAMPLES: Final = 1000
_PURPOSE: Final = 70
_ENDS: Final = (0.025, 0.975)
NO_DIFFERENCE: Final = (
    "the differences between actions cannot be separated from noise, so there is no variance to share: bench more "
    "issues, or more arms an issue"
)


class Attribution(NamedTuple):
    """Shapley shares of the components, and the variance that they divide."""

    distribution: str
    """The distribution over actions under which the variances are taken."""
    variance: Estimate
    """Variance of the mean outcome over actions, in squared units of the outcome."""
    shares: dict[str, Estimate]
    """By component that varied, in the order of the action; they sum to 1. Empty where `variance` is refused."""
    unvaried: tuple[str, ...]
    """Components with a single value in all cases: their effect is not identified."""
    notes: tuple[str, ...]


class Space(NamedTuple):
    """Cases that share one distribution over actions: T = 5 forms are the four shares' and the variance itself."""

    forms: Floats
    """(T, 240, 240)"""
    sums: Floats
    """(I, 240) Σ over the issue's arms of chance ÷ inclusion probability · centred outcome."""
    cases: Floats
    """(I,)"""
    varied: Bools
    """(4,) whether the component has more than one value here."""
    tied: bool
    """Whether the knobs are dependent here (see `knobs.tied`)."""


def attribution(
    table: BenchTable,
    reference: Floats,
    features: Floats,
    *,
    seed: int,
    distribution: str,
    outcome: Outcome | None = None,
) -> Attribution:
    """Shapley shares of the four components under `reference` (N, 240), the distribution over actions of each case.

    `features` (N, D) describe the cases, for the censoring weights. Intervals are bootstrapped over issues.

    Returns: the shares; refusals where the diagnostics of `reference` fail, or no difference between actions is
    significant.
    Raises: `BenchError` where `reference` has another shape.
    """
    outcome = outcome or pass_own_budget(table)
    method = f"pairs of issues; 95 % percentile bootstrap over {len(table.issues)} issues"
    estimand = f"variance of {outcome.estimand} between actions"
    why_not = why_no_lottery(table)
    spaces: list[Space] = []
    alone = 0
    if why_not is None:
        check_policy(distribution, reference, table)
        spaces, alone, why_not = _spaces(table, reference, features, outcome)
    if why_not is not None:
        return Attribution(distribution, refused(estimand, method, why_not), {}, (), ())
    point = _forms(spaces, np.ones((1, len(table.issues))))[0]
    drawn = _forms(spaces, _resamples(spaces, seed))
    moved = np.any([space.varied for space in spaces], axis=0)
    return Attribution(
        distribution,
        _estimate(estimand, float(point[-1]), drawn[:, -1], method),
        {
            name: _share(f"share of the {estimand}: {name}", point, drawn, component, method)
            for component, name in enumerate(HEADS)
            if moved[component]
        },
        tuple(name for name, here in zip(HEADS, moved, strict=True) if not here),
        _notes(spaces, alone),
    )


def _spaces(
    table: BenchTable, reference: Floats, features: Floats, outcome: Outcome
) -> tuple[list[Space], int, str | None]:
    """The spaces, the number of cases alone in theirs, and the diagnostics that failed."""
    inverse = observation_weights(table, features, outcome)
    log = bench_log(table, reference, outcome.values, inverse)
    checks = diagnose(table, reference, log, counts_chance(table))
    missing = missing_report(table, outcome, inverse).why_not_weighted
    why_not = "; ".join([*checks.wrong, *checks.thin, *([missing] if missing else [])]) or None
    whole = float(log.weight.sum())
    centred = log.outcome - (float(log.weight @ log.outcome) / whole if whole else 0.0)
    distinct, space_of_case = np.unique(np.round(reference, 12), axis=0, return_inverse=True)
    spaces, alone = [], 0
    issue = table.case_issue[log.arm_case]
    for number, chances in enumerate(distinct):
        here = space_of_case == number
        cases = np.bincount(table.case_issue[here], minlength=len(table.issues)).astype(np.float64)
        if np.count_nonzero(cases) < 2:
            alone += int(here.sum())
            continue
        sums = np.zeros((len(table.issues), N_CELLS))
        arms = here[log.arm_case]
        np.add.at(sums, (issue[arms], table.arm_cell[arms]), (log.weight * centred)[arms])
        spaces.append(Space(shapley_forms(chances), sums, cases, varied(chances), tied(chances)))
    if not spaces:
        why_not = why_not or "no two issues allow the same actions: bench issues of one kind"
    return spaces, alone, why_not


def shapley_forms(chances: Floats) -> Floats:
    """(5, 240, 240): forms B with φ_j·Var μ = mᵀ B_j m, and last that of Var μ, for m(a) = chance(a) · μ(a)."""
    players = range(len(HEADS))
    rows = knob_rows(chances)
    explained = {
        group: _explained(chances, rows, group)
        for size in range(len(HEADS) + 1)
        for group in combinations(players, size)
    }
    forms = np.zeros((len(HEADS) + 1, N_CELLS, N_CELLS))
    for player in players:
        for group, form in explained.items():
            if player not in group:
                share = factorial(len(group)) * factorial(len(HEADS) - 1 - len(group)) / factorial(len(HEADS))
                forms[player] += share * (explained[tuple(sorted((*group, player)))] - form)
    forms[-1] = explained[tuple(players)] - explained[()]
    return forms


def _explained(chances: Floats, rows: Rows, group: tuple[int, ...]) -> Floats:
    """(240, 240): the form of E[E[μ | X_u]²]."""
    _, level = np.unique(rows.levels[:, list(group)], axis=0, return_inverse=True)
    part = np.zeros((N_CELLS, int(level.max()) + 1))
    np.add.at(part, (rows.cell, level), rows.share)
    form: Floats = (part / (chances @ part)) @ part.T
    return form


def _resamples(spaces: list[Space], seed: int) -> Floats:
    """(B, I): bootstrap counts of each issue; issues are sorted by their outcomes, not by their names."""
    seen = np.hstack([np.column_stack([space.cases, space.sums]) for space in spaces])
    order = np.lexsort(seen.T)
    issues = len(order)
    rng = np.random.default_rng([seed, _PURPOSE])
    copies = np.empty((RESAMPLES, issues))
    copies[:, order] = rng.multinomial(issues, np.full(issues, 1 / issues), size=RESAMPLES)
    return copies


def _forms(spaces: list[Space], copies: Floats) -> Floats:
    """(B, 5): U-statistics of the forms with issue i counted `copies[b, i]` times, never paired with its own copy."""
    everything = sum(copies @ space.cases for space in spaces)
    total = np.zeros((len(copies), len(HEADS) + 1))
    for space in spaces:
        used = space.sums.any(axis=0)
        sums, forms = space.sums[:, used], space.forms[:, used][:, :, used]
        whole, cases = copies @ sums, copies @ space.cases
        pairs = cases**2 - copies**2 @ space.cases**2
        for number, form in enumerate(forms):
            own = np.einsum("ia,ab,ib->i", sums, form, sums, optimize=True)
            square = np.einsum("ia,ab,ib->i", whole, form, whole, optimize=True) - copies**2 @ own
            mean = np.divide(square, pairs, out=np.zeros(len(copies)), where=pairs > 0)
            total[:, number] += mean * cases / everything
    return total


def _share(estimand: str, point: Floats, drawn: Floats, component: int, method: str) -> Estimate:
    if point[-1] <= 0 or np.quantile(drawn[:, -1], _ENDS[0]) <= 0:
        return refused(estimand, method, NO_DIFFERENCE)
    some = drawn[drawn[:, -1] > 0]
    return _estimate(estimand, float(point[component] / point[-1]), some[:, component] / some[:, -1], method)


def _estimate(estimand: str, value: float, drawn: Floats, method: str) -> Estimate:
    low, high = np.quantile(drawn, _ENDS)
    return Estimate(estimand, value, min(value, float(low)), max(value, float(high)), method)


def _notes(spaces: list[Space], alone: int) -> tuple[str, ...]:
    notes = []
    if len(spaces) > 1:
        notes.append(
            f"cases allow {len(spaces)} different sets of actions: variances are taken within each and averaged"
        )
    if alone:
        notes.append(f"{alone} cases allow a set of actions that no other issue allows, and are left out")
    if any(space.tied for space in spaces):
        notes.append(
            "limits leave out some combinations: components that always occur together share what they explain, so "
            "that a component without effect may get a part of another's share"
        )
    return tuple(notes)
