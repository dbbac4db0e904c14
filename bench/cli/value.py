"""`bench value`: off-policy estimates of the value of policies."""

from typing import TYPE_CHECKING, Any

import click

from bench.cli.answers import show_answer
from bench.cli.power import POOL_EPOCHS
from bench.cli.session import open_farm
from bench.cli.suggestions import bench_ids
from db.repositories.benches import Benches
from planner.actions import Action, parse_action
from planner.cli.formats import Output, output_options
from planner.cli.numbers import FiniteFloat, FiniteRange
from planner.cli.progress import progress
from planner.cli.regression import fail_on_regression, regression_code
from planner.errors import PlannerError

if TYPE_CHECKING:
    from bench.results.evidence import Evidence
    from bench.results.value_rows import ChosenOutcome
    from bench.statistics.table import Floats
    from bench.statistics.value import PolicyValue

_NO_ACTION = "none"


@click.command()
@click.argument("bench_ids", metavar="[BENCH_ID]...", nargs=-1, shell_complete=bench_ids)
@click.option(
    "--policy",
    "names",
    multiple=True,
    metavar="NAME",
    help="Estimate this registered policy; may be repeated.",
)
@click.option(
    "--action",
    "labels",
    multiple=True,
    metavar="ACTION",
    help="Judge this action on every issue, such as 'speculate_vote ×3 60m' or speculate_vote/3/60/NA; may be "
    "repeated; none: no action.  [default: all that ran on enough issues]",
)
@click.option(
    "--estimand",
    type=click.Choice(("pass_own_budget", "pass_within_caps")),
    help="Whether a run killed by its own dollar cap is missing, or a failure.  [default: a failure where a cap can "
    "kill]",
)
@click.option(
    "--reference", metavar="NAME", help="Policy that the others are compared with.  [default: the baseline]"
)
@click.option(
    "--minute-cost",
    type=FiniteRange(min=0),
    default=0.0,
    show_default=True,
    help="Utility subtracted per minute; a pass is 1.",
)
@click.option(
    "--dollar-cost",
    type=FiniteRange(min=0),
    default=0.0,
    show_default=True,
    help="Utility subtracted per dollar; a pass is 1.",
)
@click.option(
    "--worst",
    type=FiniteFloat(),
    help="Lowest utility of an execution, such as -1.  [default: from the caps]",
)
@click.option(
    "--group-by",
    type=click.Choice(("issue", "repository")),
    default="issue",
    show_default=True,
    help="Unit that the cross-fitting of the outcome model keeps together.",
)
@POOL_EPOCHS
@click.option("--details", is_flag=True, help="Show every estimator and check.")
@fail_on_regression("Exit with code 3 where a --policy is significantly worse than the reference.")
@output_options("policies")
def value(
    bench_ids: tuple[str, ...],
    names: tuple[str, ...],
    labels: tuple[str, ...],
    estimand: Any,
    reference: str | None,
    minute_cost: float,
    dollar_cost: float,
    worst: float | None,
    group_by: Any,
    pool_epochs: bool,
    details: bool,
    fail_on_regression: bool,
    output: Output,
) -> int:
    """Estimate the pass rate or utility of policies.

    The estimate is over all issues of the bench, also those where the policy's action was not tried: each arm is
    weighted by its probability of being sampled, with a cross-fitted outcome model where that helps. Intervals are
    over issues like these, and over these issues; those of differences hold for all of them together. Where more than
    2 % of a policy's runs are missing, bounds are shown and no difference. Where a bench has too little data for a
    number, the reason and the remedy are shown instead.

    BENCH_ID is the newest bench by default; several benches are pooled. The id of a stream with exploration judges
    policies by the first decision on each issue, weighted by its logged propensity.

    Exit code 3, with --fail-on-regression only: the whole interval of a named policy's difference is below 0.

    \b
    Examples:
      bench value b-20260131-k3f9q --policy mlp-a
      bench value b-20260131-k3f9q b-20260214-w8c2m
      bench value s-20260301-x7k2p --policy mlp-a
      bench value --action 'speculate_vote ×3 60m' --action serial_handoff/1/60/NA
      bench value --policy mlp-a --fail-on-regression
      bench value --minute-cost 0.002 --dollar-cost 0.05 --details
    """
    from bench.results.value_rows import choose_outcome, judged_values, policy_row
    from bench.results.value_show import details_parts, value_parts

    if fail_on_regression and not set(names) - {reference}:
        raise click.UsageError("--fail-on-regression needs a policy to compare: name it with --policy NAME")
    if worst is not None and minute_cost == dollar_cost == 0:
        raise click.UsageError("--worst is of a utility: add --minute-cost or --dollar-cost")
    actions = _actions(labels)
    with progress("estimating values"):
        bench_ids, evidence = _read(bench_ids, names, pool_epochs)
        prices = {"minute_cost": minute_cost, "dollar_cost": dollar_cost}
        chosen = choose_outcome(evidence, estimand, worst=worst, **prices)
        policies, left_out = _policies(evidence, actions)
        values = judged_values(evidence, chosen.outcome, policies, group_by=group_by, reference=reference)
    more = [part for policy in values for part in details_parts(policy)] if details else []
    lines = [*left_out, *chosen.notes, _variance(evidence)]
    show_answer(
        output,
        lambda: _document(bench_ids, evidence, chosen, values, left_out),
        lambda: [*value_parts(evidence, values, lines), *more],
        lambda: {"policies": [policy_row(policy) for policy in values]},
    )
    return _gate(values, names) if fail_on_regression else 0


def _actions(labels: tuple[str, ...]) -> list[Action] | None:
    """The named actions; None for all that can be judged."""
    if not labels:
        return None
    try:
        return [parse_action(label) for label in labels if label != _NO_ACTION]
    except PlannerError as error:
        raise click.UsageError(f"--action: {error}") from error


def _policies(evidence: "Evidence", actions: list[Action] | None) -> "tuple[dict[str, Floats], list[str]]":
    """The policies to judge, and a line on the actions that cannot be."""
    from bench.results.fixed_actions import fixed_actions, named_actions, thin_lines
    from bench.results.value_rows import default_policies

    if actions is None:
        return default_policies(evidence), thin_lines(fixed_actions(evidence.table))
    return {**evidence.policies, **named_actions(evidence.table, actions)}, []


def _read(
    bench_ids: tuple[str, ...], names: tuple[str, ...], pool_epochs: bool
) -> "tuple[tuple[str, ...], Evidence]":
    """The benches, by default the newest, and their evidence, after the named policies are scored on them."""
    from bench.results.policies import score
    from bench.results.pooling import pooled_epochs_or_refuse, read_pooled
    from bench.results.publish import publish_where_due

    with open_farm() as farm:
        bench_ids = bench_ids or (Benches(farm.engine).latest(),)
        pooled_epochs_or_refuse(farm.engine, bench_ids, pool_epochs)
        for bench_id in bench_ids:
            for name in names:
                score(farm.engine, bench_id, name, streams=True)
        evidence = read_pooled(farm.engine, bench_ids, pool_epochs)
        for bench_id in bench_ids:
            publish_where_due(farm.engine, bench_id)
    return bench_ids, evidence


def _variance(evidence: "Evidence") -> str:
    from bench.results.variance import variance_components, variance_line

    return variance_line(variance_components(evidence))


def _gate(values: "list[PolicyValue]", names: tuple[str, ...]) -> int:
    """The exit code of a comparison of the named policies with the reference."""
    differences = {
        policy.policy: policy.difference for policy in values if policy.policy in names and policy.difference
    }
    worse = [
        f"{name} is worth less than the reference: "
        f"{difference.value:+.3f} ({difference.low:+.3f} … {difference.high:+.3f})"
        for name, difference in differences.items()
        if difference.value is not None and difference.high is not None and difference.high < 0
    ]
    return regression_code(
        worse, is_judged=all(difference.high is not None for difference in differences.values())
    )


def _document(
    bench_ids: tuple[str, ...],
    evidence: "Evidence",
    chosen: "ChosenOutcome",
    values: "list[PolicyValue]",
    left_out: list[str],
) -> dict[str, Any]:
    from bench.results.evidence_show import notes
    from bench.results.plain import plain
    from bench.results.value_rows import value_rows
    from bench.results.variance import variance_components

    return {
        "bench_ids": list(bench_ids),
        "issues": len(evidence.table.issues),
        "estimand": chosen.outcome.estimand,
        "notes": [*left_out, *chosen.notes, *notes(evidence)],
        "variance_components": plain(variance_components(evidence)),
        "policies": [plain(policy) for policy in values],
        "estimates": list(value_rows(values)),
    }
