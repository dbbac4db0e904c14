"""`bench value`: what policies are worth, estimated from what a bench tried."""

from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from bench.cli.reports import BENCH, JSON
from bench.cli.session import open_farm
from bench.cli.tables import show, show_json
from db.repositories.benches import Benches

if TYPE_CHECKING:
    from bench.results.evidence import Evidence
    from bench.statistics.outcomes import Outcome
    from bench.statistics.value import PolicyValue


@click.command()
@BENCH
@click.option(
    "--policy", "names", multiple=True, metavar="NAME", help="Judge this registered policy; may be repeated."
)
@click.option(
    "--reference", metavar="NAME", help="What the others are compared with: the baseline unless named."
)
@click.option(
    "--minute-cost", type=click.FloatRange(min=0), default=0.0, help="What a minute takes from a pass."
)
@click.option(
    "--dollar-cost", type=click.FloatRange(min=0), default=0.0, help="What a dollar takes from a pass."
)
@click.option("--worst", type=float, help="The least that an execution can be worth; needed with a cost.")
@click.option(
    "--group-by",
    type=click.Choice(("issue", "repository")),
    default="issue",
    show_default=True,
    help="What no fold of the outcome model splits.",
)
@click.option("--details", is_flag=True, help="Show every estimator and check.")
@JSON
def value(
    bench_id: str | None,
    names: tuple[str, ...],
    reference: str | None,
    minute_cost: float,
    dollar_cost: float,
    worst: float | None,
    group_by: Any,
    details: bool,
    as_json: bool,
) -> None:
    """Estimate what policies are worth on the issues of a bench, those included whose action was not tried.

    Each arm is weighted by the chance it had of being drawn; where an outcome model helps, it is fitted on other
    issues. Intervals are over issues. A number that the bench cannot carry is refused, with what would mend it.

    \b
    Examples:
      bench value b-20260131-k3f9q --policy mlp-a
      bench value --minute-cost 0.002 --dollar-cost 0.05 --worst -1 --details
    """
    from bench.results.evidence import read_evidence
    from bench.results.evidence_show import details_parts, value_parts
    from bench.results.noise import noise_line, noise_of
    from bench.results.policies import score
    from bench.results.publish import publish_where_due
    from bench.statistics.value import policy_values

    with open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        for name in names:
            score(farm.engine, bench_id, name)
        evidence = read_evidence(farm.engine, bench_id)
        publish_where_due(farm.engine, bench_id)
    values = policy_values(
        evidence.table,
        evidence.policies,
        evidence.features,
        seed=int(evidence.bench["seed"]),
        group_by=group_by,
        reference=reference,
        outcome=_outcome(evidence, minute_cost, dollar_cost, worst),
        expected=evidence.expected,
    )
    if as_json:
        show_json(_document(bench_id, evidence, values))
        return
    show(*value_parts(evidence, values), escape(noise_line(noise_of(evidence))))
    if details:
        for one in values:
            show(*details_parts(one))


def _outcome(
    evidence: "Evidence", minute_cost: float, dollar_cost: float, worst: float | None
) -> "Outcome | None":
    from bench.statistics.outcomes import utility

    if minute_cost == dollar_cost == 0:
        return None
    if worst is None:
        raise click.UsageError("a utility needs --worst, the least an execution can be worth, such as -1")
    return utility(evidence.table, per_minute=minute_cost, per_usd=dollar_cost, worst=worst)


def _document(bench_id: str, evidence: "Evidence", values: "list[PolicyValue]") -> dict[str, Any]:
    from bench.results.evidence_show import notes
    from bench.results.noise import noise_of
    from bench.results.plain import plain

    return {
        "bench_id": bench_id,
        "issues": len(evidence.table.issues),
        "notes": notes(evidence),
        "variance_components": plain(noise_of(evidence)),
        "policies": [plain(one) for one in values],
    }
