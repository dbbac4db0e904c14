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


def show_logs(record: "ExecutionRecord", output: Output, gate: str | None = None) -> None:
    """Print the logs of an execution, or of one gate of it."""
    from bench.inspection.texts import log_documents, log_files, log_parts

    files = log_files(record, gate)
    if not files:
        hint = f"; follow it: bench logs -f {record.name}" if record.facts.state == "running" else ""
        raise BenchError(f"{record.name} has no stored logs: it is {record.facts.state}{hint}")
    show_answer(
        output,
        lambda: log_documents(record, files),
        lambda: log_parts(record, files),
        lambda: {"logs": log_documents(record, files)},
    )


def follow_logs(farm: Farm, execution_id: int, candidate: CandidateKey | None) -> None:
    """Print the logs of an execution until it ends."""
    from bench.inspection.follow import LogFollower

    follower = LogFollower(farm.engine, execution_id, candidate, lambda text: echo_text(text, nl=False), note)
    state = follower.follow(archives_directory())
    note(f"x{execution_id} ended: {state}; to see what came of it: bench show x{execution_id}")
