"""`bench winners`, `bench regret`, `bench report`: the results of a bench."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.answers import REPORT_TABLES, answer_of, show_answer
from bench.cli.archives import archives_directory
from bench.cli.session import Farm, note, open_farm
from bench.cli.suggestions import bench_ids
from bench.errors import BenchError, FailureError
from bench.terminal import plain_console, print_parts, show_json
from db.repositories.benches import Benches
from planner.cli.formats import Answer, Output, output_options
from planner.cli.output import echo_bytes
from planner.cli.progress import progress
from planner.system.atomic import write_atomic

if TYPE_CHECKING:
    from bench.results.read import BenchResults
    from bench.statistics.oracle import OracleBracket
    from bench.statistics.recommendation import Recommendation

BENCH = click.argument("bench_id", required=False, shell_complete=bench_ids)
_FORMAT = click.option(
    "--format",
    "older_form",
    type=click.Choice(("text", "json", "md")),
    help="An older name of -o; text is table.",
)


@click.command()
@BENCH
@output_options("winners")
def winners(bench_id: str | None, output: Output) -> None:
    """Show which action solved each issue best.

    BENCH_ID is the newest bench by default.

    \b
    Examples:
      bench winners
      bench winners b-20260131-k3f9q -o csv
    """
    from bench.results.documents import winners_document
    from bench.results.looks import look_lines
    from bench.results.publish import publish_where_due
    from bench.results.read import read_results
    from bench.results.show import next_lines, winners_table

    with progress("reading results"), open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        results = read_results(farm.engine, bench_id)
        publish_where_due(farm.engine, bench_id)
    show_answer(
        output,
        lambda: winners_document(results),
        lambda: [winners_table(results), *look_lines(results.cases), *next_lines(results)],
    )


@click.command()
@BENCH
@click.option(
    "--policy",
    "names",
    multiple=True,
    metavar="NAME",
    help="Score this registered policy, and show only it and the controls; may be repeated.",
)
@output_options("policies", "cases")
def regret(bench_id: str | None, names: tuple[str, ...], output: Output) -> None:
    """Show how much worse each policy is than the best arm.

    Regret is relative to the winner: 0.5 means 50 % longer (or more expensive). A missed pass, where the winner passes
    and the policy's arm does not, has its own rate. A case in which the policy's action was not tried is unobserved; a
    policy seen on few issues has no rate. Spend is the mean charge of an execution of its arm.

    Registered policies that were scored on the bench before are shown in addition to the controls. BENCH_ID is the
    newest bench by default.

    \b
    Example:
      bench regret b-20260131-k3f9q --policy mlp-a
    """
    from bench.results.documents import regret_document
    from bench.results.evidence_show import oracle_of
    from bench.results.plain import bracket_document
    from bench.results.policies import score
    from bench.results.publish import publish_where_due
    from bench.results.read import read_results
    from bench.results.regret_show import regret_parts

    with progress("reading results"), open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        for name in names:
            score(farm.engine, bench_id, name)
        results = read_results(farm.engine, bench_id, names or None)
        oracle = oracle_of(farm.engine, bench_id)
        publish_where_due(farm.engine, bench_id)
    show_answer(
        output,
        lambda: {**regret_document(results), "bracket": bracket_document(oracle)},
        lambda: regret_parts(results, oracle),
    )


@click.command()
@BENCH
@output_options(*REPORT_TABLES, older=_FORMAT)
@click.option("--out", type=click.Path(path_type=Path), help="Write the report to this file instead.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write it as one page to this file, with the patches of the winners; it opens without network. - is standard "
    "output.",
)
@click.option(
    "--with-conversations", is_flag=True, help="With --html: the conversations of the winners, too."
)
def report(
    bench_id: str | None, output: Output, out: Path | None, html: Path | None, with_conversations: bool
) -> None:
    """Show the whole report of a bench.

    It begins with the answer: which action to use, how sure that is, and what would settle it. Then come winners, the
    rates of actions, regret, spend against caps, errors and coverage. Rates are weighted by the inverse of the
    probability to be drawn, and pooled partially over the actions. BENCH_ID is the newest bench by default.

    \b
    Examples:
      bench report
      bench report -o md --out report.md
      bench report -o csv --table winners
      bench report --html report.html --with-conversations
    """
    from bench.results.publish import publish_where_due
    from bench.results.read import read_results

    _check_html(output, out, html, with_conversations=with_conversations)
    with progress("reading results"), open_farm() as farm:
        bench_id = bench_id or Benches(farm.engine).latest()
        if html is not None:
            _write_html(farm, bench_id, html, with_conversations=with_conversations)
            return
        if output.is_for_people and out is None:
            show_bench_report(farm, bench_id, output)
            return
        results = read_results(farm.engine, bench_id)
        oracle, recommended = _inferred(farm, results)
        publish_where_due(farm.engine, bench_id)
    answer = _report_answer(results, oracle, recommended)
    if out is None:
        output.show(answer)
        return
    text = _plain_text(results, oracle, recommended) if output.is_for_people else output.text(answer)
    _write(out, text if output.form == "csv" else text + "\n")
    note(f"written to {out}")


def _check_html(output: Output, out: Path | None, html: Path | None, *, with_conversations: bool) -> None:
    if html is None and with_conversations:
        raise BenchError(
            "--with-conversations is a part of --html FILE; for one: bench show x123 --conversation"
        )
    if html is not None and (out is not None or not output.is_for_people):
        raise BenchError("--html is a form of its own; leave out --out and -o")


def _write_html(farm: Farm, bench_id: str, path: Path, *, with_conversations: bool) -> None:
    from bench.results.evidence import evidence_or_why
    from bench.results.publish import publish_where_due
    from bench.results.read import read_results
    from bench.ui.report_file import report_html

    results = read_results(farm.engine, bench_id)
    evidence = evidence_or_why(farm.engine, bench_id)
    archives = archives_directory()
    text = report_html(
        farm.engine, results, evidence, archives=archives, with_conversations=with_conversations
    )
    publish_where_due(farm.engine, bench_id)
    if str(path) == "-":
        echo_bytes(text.encode())
        return
    _write(path, text, "--html")
    note(f"written to {path}, {len(text.encode()) / 1000:,.0f} kB")


def _write(path: Path, text: str, option: str = "--out") -> None:
    """Atomic write of a report; a pipe or device is written as it is. Raises `FailureError` where that fails."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", newline="")
        else:
            write_atomic(path, text)
    except OSError as error:
        raise FailureError(
            f"cannot write {path}: {error.strerror or error}; give another {option}"
        ) from error


def _report_answer(
    results: "BenchResults", oracle: "OracleBracket | str", recommended: "Recommendation"
) -> Answer:
    from bench.results.documents import report_document, report_rows
    from bench.results.show import report_parts

    def document() -> dict[str, Any]:
        return report_document(results, oracle, recommended)

    answer = answer_of(
        document, lambda: report_parts(results, oracle, recommended), lambda: report_rows(document())
    )
    return replace(answer, plain=str)


def _inferred(farm: Farm, results: "BenchResults") -> "tuple[OracleBracket | str, Recommendation]":
    """The bounds on the oracle and the answer of a bench, from one reading of its evidence."""
    from bench.results.answer import recommendation_from
    from bench.results.evidence import evidence_or_why
    from bench.results.evidence_show import oracle_from

    evidence = evidence_or_why(farm.engine, results.bench.bench_id)
    return oracle_from(evidence), recommendation_from(results.bench, evidence)


def show_bench_report(farm: Farm, bench_id: str, output: Output) -> None:
    """Print the whole report, and write the output files that the config names."""
    from bench.results.output import write_outputs
    from bench.results.publish import publish_where_due
    from bench.results.read import read_results

    results = read_results(farm.engine, bench_id)
    paths = write_outputs(results)["output_paths"]
    output.show(_report_answer(results, *_inferred(farm, results)))
    publish_where_due(farm.engine, bench_id)
    if paths:
        note(f"written: {', '.join(sorted(paths.values()))}")


def show_bench_summary(farm: Farm, bench_id: str) -> None:
    """Print the `planner_bench_summary` document, and write the output files that the config names."""
    from bench.results.output import write_outputs
    from bench.results.read import read_results

    show_json(write_outputs(read_results(farm.engine, bench_id)))


def _plain_text(results: "BenchResults", oracle: "OracleBracket | str", recommended: "Recommendation") -> str:
    import io

    from bench.results.show import report_parts

    buffer = io.StringIO()
    print_parts(plain_console(buffer), report_parts(results, oracle, recommended))
    return buffer.getvalue().rstrip()
