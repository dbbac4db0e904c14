"""Policy values of a bench as rows: the same for the terminal, for documents and for SQL."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from bench.results.evidence import Evidence
from bench.results.fixed_actions import fixed_actions
from bench.results.plain import plain
from bench.statistics.cross_fit import GroupBy
from bench.statistics.estimate import Estimate
from bench.statistics.outcomes import Outcome, PassEstimand, utility, worst_utility
from bench.statistics.table import Floats
from bench.statistics.value import BOUNDS, PolicyValue, policy_values

Row = dict[str, Any]
Quantity = Literal["value", "value_here", "difference", "difference_here"]
QUANTITIES: Final[tuple[Quantity, ...]] = get_args(Quantity)
"""Over issues like these, and over these issues (`_here`)."""


class ChosenOutcome(NamedTuple):
    """The outcome that policies are judged by, and why."""

    outcome: Outcome
    notes: tuple[str, ...]


def choose_outcome(
    evidence: Evidence,
    estimand: PassEstimand | None = None,
    *,
    minute_cost: float = 0.0,
    dollar_cost: float = 0.0,
    worst: float | None = None,
) -> ChosenOutcome:
    """The pass outcome, by default `pass_within_caps` where dollar caps can kill; the utility where a cost is given.

    Raises `BenchError` where `worst` is above a utility that was seen.
    """
    passes, why = evidence.pass_outcome(estimand)
    if minute_cost == dollar_cost == 0:
        return ChosenOutcome(passes, (why,))
    limits, notes = evidence.limits, [why]
    if worst is None:
        worst = worst_utility(
            evidence.table,
            per_minute=minute_cost,
            per_usd=dollar_cost,
            minutes=limits.minutes,
            usd=limits.usd,
            passes=passes,
        )
        notes.append(
            f"worst utility of a run: {worst:g}, for {limits.minutes:g} minutes and ${limits.usd:g}, the most that are "
            "set aside for a run, or the lowest seen; set another with --worst"
        )
    outcome = utility(evidence.table, per_minute=minute_cost, per_usd=dollar_cost, worst=worst, passes=passes)
    return ChosenOutcome(outcome, tuple(notes))


def default_policies(evidence: Evidence) -> dict[str, Floats]:
    """The policies that are judged unless others are asked for: controls, registered ones, then fixed actions."""
    return {**evidence.policies, **fixed_actions(evidence.table).policies}


def judged_values(
    evidence: Evidence,
    outcome: Outcome,
    policies: Mapping[str, Floats],
    *,
    group_by: GroupBy = "issue",
    reference: str | None = None,
) -> list[PolicyValue]:
    """The off-policy values of `policies`, with differences from `reference`, the first of them where None."""
    return policy_values(
        evidence.table,
        policies,
        evidence.features,
        seed=evidence.seed,
        group_by=group_by,
        reference=reference,
        outcome=outcome,
        expected=evidence.expected,
    )


def value_rows(values: Sequence[PolicyValue]) -> Iterator[Row]:
    """A row for each policy, quantity and estimator, with the share of the policy's runs that is missing."""
    for value in values:
        brackets = {
            "finite sample": value.finite_sample,
            BOUNDS: value.bounds,
            "complete cases": value.complete_case,
        }
        for estimator, estimate in {**value.estimates, **brackets}.items():
            yield _row(value, "value", estimator, estimate, is_recommended=estimator == value.leading)
        yield _row(value, "value_here", value.estimator, value.these_issues)
        if value.difference is not None:
            yield _row(value, "difference", value.estimator, value.difference, p_value=value.difference_p)
        if value.difference_here is not None:
            yield _row(
                value,
                "difference_here",
                value.estimator,
                value.difference_here,
                p_value=value.difference_here_p,
            )


def policy_row(value: PolicyValue) -> Row:
    """One policy as a row of a table: the reference has no difference, hence no field for it."""
    # A null would be a column of its own, next to those of the other policies' differences.
    given: Row = plain(value)
    return {name: field for name, field in given.items() if field is not None or name.endswith("_p")}


def _row(
    value: PolicyValue,
    quantity: Quantity,
    estimator: str,
    estimate: Estimate,
    *,
    is_recommended: bool = True,
    p_value: float | None = None,
) -> Row:
    own = value.own_missing
    return {
        "quantity": quantity,
        "policy": value.policy,
        "estimator": estimator,
        "is_recommended": is_recommended,
        **estimate._asdict(),
        "p_value": p_value,
        "missing_share": None if own is None else own.share,
        "missing_by_class": None if own is None else dict(own.by_class),
    }
