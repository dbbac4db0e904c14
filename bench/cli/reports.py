"""`bench winners`, `bench regret`, `bench report`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.session import Farm, note, open_farm
from bench.results.read import BenchResults, read_results
from bench.terminal import plain_console, print_parts, show, show_json
from db.repositories.benches import Benches
from planner.cli.output import echo_text
from planner.system.foreign_text import json_text

if TYPE_CHECKING:
    from bench.statistics.oracle import OracleBracket

BENCH = click.argument("bench_id", required=False)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@BENCH
@JSON
def winners(bench_id: str | None, as_json: bool) -> None:
    """Show the winner of every case: the way of working that solved it best.

    Without BENCH_ID the newest bench.
    """
    from bench.results.documents import winners_document
    from bench.results.looks import look_lines
    from bench.results.publish import publish_where_due
    from bench.results.show import winners_table

    with open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        results = read_results(farm.engine, bench_id)
        publish_where_due(farm.engine, bench_id)
    if as_json:
        show_json(winners_document(results))
    else:
        show(winners_table(results), *look_lines(results.cases))


@click.command()
@BENCH
@click.option(
    "--policy",
    "names",
    multiple=True,
    metavar="NAME",
    help="Score this registered policy, and show no other one beside the controls; may be repeated.",
)
@JSON
def regret(bench_id: str | None, names: tuple[str, ...], as_json: bool) -> None:
    """Show how far each policy stays behind the best arm of each case.

    Regret is relative to the winner: 0.5 is half as long (or dear) again. A missed pass, where the winner passes
    and the policy's arm does not, is counted as a rate of its own; a policy whose action was not tried in a case
    is unobserved there. Spend is what an execution of its arm was charged on average.

    Registered policies that were scored on the bench before are shown beside the controls.

    \b
    Example:
      bench regret b-20260131-k3f9q --policy mlp-a
    """
    from bench.results.documents import regret_document
    from bench.results.evidence_show import bracket_parts, oracle_of
    from bench.results.plain import bracket_document
    from bench.results.policies import score
    from bench.results.publish import publish_where_due
    from bench.results.show import regret_parts

    with open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        for name in names:
            score(farm.engine, bench_id, name)
        results = read_results(farm.engine, bench_id, names or None)
        oracle = oracle_of(farm.engine, bench_id)
        publish_where_due(farm.engine, bench_id)
    if as_json:
        show_json({**regret_document(results), "bracket": bracket_document(oracle)})
    else:
        show(*regret_parts(results), *bracket_parts(oracle))


@click.command()
@BENCH
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "json", "md")),
    default="text",
    show_default=True,
    help="How it is written.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write to a file instead.")
def report(bench_id: str | None, form: str, out: Path | None) -> None:
    """Show all of a bench: winners, regret, spend against caps, errors, coverage.

    \b
    Example:
      bench report --format md --out report.md
    """
    from bench.results.documents import report_document
    from bench.results.evidence_show import oracle_of
    from bench.results.markdown import report_markdown
    from bench.results.publish import publish_where_due

    with open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        if form == "text" and out is None:
            show_bench_report(farm, bench_id)
            return
        results, oracle = read_results(farm.engine, bench_id), oracle_of(farm.engine, bench_id)
        publish_where_due(farm.engine, bench_id)
    writers: dict[str, Callable[[BenchResults, OracleBracket | str], str]] = {
        "json": lambda found, bracket: _json_text(report_document(found, bracket)),
        "md": report_markdown,
        "text": _plain_text,
    }
    text = writers[form](results, oracle)
    if out is None:
        echo_text(text)
    else:
        out.write_text(text + "\n", encoding="utf-8")
        note(f"written to {out}")


def show_bench_report(farm: Farm, bench_id: str) -> None:
    """The whole report at the terminal; the files that the config asks for are written as well."""
    from bench.results.evidence_show import oracle_of
    from bench.results.output import write_outputs
    from bench.results.publish import publish_where_due
    from bench.results.show import report_parts

    results = read_results(farm.engine, bench_id)
    paths = write_outputs(results)["output_paths"]
    show(*report_parts(results, oracle_of(farm.engine, bench_id)))
    publish_where_due(farm.engine, bench_id)
    if paths:
        note(f"written: {', '.join(sorted(paths.values()))}")


def show_bench_summary(farm: Farm, bench_id: str) -> None:
    """The `planner_bench_summary` document."""
    from bench.results.output import write_outputs

    show_json(write_outputs(read_results(farm.engine, bench_id)))


def _json_text(value: Any) -> str:
    return json_text(value, default=str)


def _plain_text(results: BenchResults, oracle: "OracleBracket | str") -> str:
    import io

    from bench.results.show import report_parts

    buffer = io.StringIO()
    print_parts(plain_console(buffer), report_parts(results, oracle))
    return buffer.getvalue().rstrip()
