"""`bench value`: off-policy estimates of the value of policies."""

from typing import TYPE_CHECKING, Any

import click
from rich.console import RenderableType

from bench.cli.answers import show_answer
from bench.cli.power import POOL_EPOCHS
from bench.cli.session import open_farm
from bench.cli.suggestions import bench_ids
from db.repositories.benches import Benches
from planner.cli.formats import Output, output_options
from planner.cli.numbers import FiniteFloat, FiniteRange
from planner.cli.regression import fail_on_regression, regression_code

if TYPE_CHECKING:
    from bench.results.evidence import Evidence
    from bench.statistics.outcomes import Outcome
    from bench.statistics.value import PolicyValue


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
    "--worst", type=FiniteFloat(), help="Lowest utility of an execution, such as -1; required with a cost."
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
    over issues. Where a bench has too little data for a number, the reason and the remedy are shown instead.

    BENCH_ID is the newest bench by default; several benches are pooled. The id of a stream with exploration judges
    policies by the first decision on each issue, weighted by its logged propensity.

    Exit code 3, with --fail-on-regression only: the whole interval of a named policy's difference is below 0.

    \b
    Examples:
      bench value b-20260131-k3f9q --policy mlp-a
      bench value b-20260131-k3f9q b-20260214-w8c2m
      bench value s-20260301-x7k2p --policy mlp-a
      bench value --policy mlp-a --fail-on-regression
      bench value --minute-cost 0.002 --dollar-cost 0.05 --worst -1 --details
    """
    from bench.results.evidence_show import details_parts
    from bench.statistics.value import policy_values

    if fail_on_regression and not set(names) - {reference}:
        raise click.UsageError("--fail-on-regression needs a policy to compare: name it with --policy NAME")
    bench_ids, evidence = _read(bench_ids, names, pool_epochs)
    values = policy_values(
        evidence.table,
        evidence.policies,
        evidence.features,
        seed=evidence.seed,
        group_by=group_by,
        reference=reference,
        outcome=_outcome(evidence, minute_cost, dollar_cost, worst),
        expected=evidence.expected,
    )
    more = [part for policy in values for part in details_parts(policy)] if details else []
    show_answer(
        output,
        lambda: _document(bench_ids, evidence, values),
        lambda: [*_parts(evidence, values), *more],
    )
    return _gate(values, names) if fail_on_regression else 0


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


def _parts(evidence: "Evidence", values: "list[PolicyValue]") -> list[RenderableType]:
    from bench.results.evidence_show import value_parts
    from bench.results.variance import variance_components, variance_line

    return [*value_parts(evidence, values), variance_line(variance_components(evidence))]


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


def _outcome(
    evidence: "Evidence", minute_cost: float, dollar_cost: float, worst: float | None
) -> "Outcome | None":
    from bench.statistics.outcomes import utility

    if minute_cost == dollar_cost == 0:
        return None
    if worst is None:
        raise click.UsageError("a cost needs --worst, the lowest utility of an execution, such as -1")
    return utility(evidence.table, per_minute=minute_cost, per_usd=dollar_cost, worst=worst)


def _document(
    bench_ids: tuple[str, ...], evidence: "Evidence", values: "list[PolicyValue]"
) -> dict[str, Any]:
    from bench.results.evidence_show import notes
    from bench.results.plain import plain
    from bench.results.variance import variance_components

    return {
        "bench_ids": list(bench_ids),
        "issues": len(evidence.table.issues),
        "notes": notes(evidence),
        "variance_components": plain(variance_components(evidence)),
        "policies": [plain(policy) for policy in values],
    }
