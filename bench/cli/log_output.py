"""Logs of an execution on standard output, for `bench show` and `bench logs`."""

from typing import TYPE_CHECKING

import click

from bench.cli.answers import show_answer
from bench.cli.archives import archives_directory
from bench.cli.session import Farm, note
from bench.cli.suggestions import bench_ids
from bench.errors import BenchError
from bench.inspection.references import CandidateKey
from planner.cli.formats import Output
from planner.cli.output import echo_text

if TYPE_CHECKING:
    from bench.inspection.execution import ExecutionRecord

OF_BENCH = click.option(
    "--bench",
    "bench_id",
    shell_complete=bench_ids,
    help="Only what belongs to this bench.  [default: the newest]",
)


def show_logs(
    record: "ExecutionRecord", output: Output, gate: str | None = None, name: str | None = None
) -> None:
    """Print the logs of an execution, of one gate of it, or the files of one name.

    Reports of tests, which are for programs, are printed where they are named.
    """
    from bench.inspection.texts import is_report, log_documents, log_files, log_parts

    files = log_files(record, gate, name)
    if not files:
        hint = f"; follow it: bench logs -f {record.name}" if record.facts.state == "running" else ""
        raise BenchError(f"{record.name} has no stored logs: it is {record.facts.state}{hint}")
    is_named = gate is not None or name is not None
    texts = [file for file in files if is_named or not is_report(file)]
    show_answer(
        output,
        lambda: log_documents(record, files),
        lambda: log_parts(record, texts),
        lambda: {"logs": log_documents(record, files)},
    )
    reports = list(dict.fromkeys(file.title for file in files if file not in texts))
    if reports and output.form in ("table", "md"):
        note(f"left out: {', '.join(reports)}; to print one: bench logs {record.name} --file {reports[0]}")


def follow_logs(
    farm: Farm, execution_id: int, candidate: CandidateKey | None, *, is_shown: bool = False
) -> None:
    """Print the logs of an execution until it ends, then its outcome; `is_shown` where all of it is shown next."""
    from bench.inspection.execution import read_execution
    from bench.inspection.follow import LogFollower
    from bench.inspection.show import outcome_text

    follower = LogFollower(farm.engine, execution_id, candidate, lambda text: echo_text(text, nl=False), note)
    follower.follow(archives_directory())
    outcome = outcome_text(read_execution(farm.engine, execution_id, archives_directory()))
    note(f"x{execution_id} {outcome}" + ("" if is_shown else f"; all of it: bench show x{execution_id}"))
