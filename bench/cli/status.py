"""`bench status`: the state of the farm, or of one bench."""

from typing import Any

import click

from bench.cli.answers import show_answer
from bench.cli.follow import Progress, line_of, read_progress
from bench.cli.session import Farm, open_farm
from bench.cli.suggestions import bench_ids
from bench.config.money import format_usd
from bench.embedded.parts import parts_status
from bench.farm_tables import benches_table, machines_table
from bench.pauses import pause_documents, pause_lines
from bench.results.counts import failed_lines
from bench.sandboxes import sandbox_lines
from bench.terminal import parts_shown, seconds, styled, table
from bench.unserved import unserved_lines
from db.repositories.bench_rows import CaseProgress, RunningExecution
from db.repositories.benches import Benches
from db.repositories.circuits import Circuits
from db.repositories.machines import Machines
from db.repositories.unserved import unserved_classes
from db.rows import documents
from planner.cli.formats import Output, output_options

_FARM, _CASES = ("parts", "machines", "benches"), "cases"


@click.command()
@click.argument("bench_id", required=False, shell_complete=bench_ids)
@output_options(*_FARM, _CASES, is_narrowed=True)
def status(bench_id: str | None, output: Output) -> None:
    """Show the state of the farm, or of one bench.

    Of the farm: its parts, machines and benches. With BENCH_ID: the cases of that bench, and what its running
    executions have spent so far, where the gateway meters that. Both name the classes of executions that are paused
    because their provider fails, and those that no machine can run.

    \b
    Examples:
      bench status
      bench status b-20260131-k3f9q -o json
      bench status -o csv --table machines
    """
    output = output.among(*(_FARM if bench_id is None else [_CASES]))
    with open_farm() as farm:
        if bench_id is None:
            _farm_status(farm, output)
        else:
            _bench_status(farm, bench_id, output)


def _farm_status(farm: Farm, output: Output) -> None:
    parts = [] if farm.embedded is None else [*farm.embedded.status(), *parts_status(farm.embedded)]
    machines, benches = Machines(farm.engine).list_all(), Benches(farm.engine).list_all()
    paused, unserved = Circuits(farm.engine).paused(), unserved_classes(farm.engine)
    show_answer(
        output,
        lambda: {
            "parts": [vars(part) for part in parts],
            "machines": documents(machines),
            "benches": documents(benches),
            "paused": pause_documents(paused),
            "unserved": documents(unserved),
        },
        lambda: [
            *(parts_shown(parts) if parts else []),
            machines_table(machines),
            benches_table(benches),
            *pause_lines(paused),
            *unserved_lines(unserved),
        ],
    )


def _bench_status(farm: Farm, bench_id: str, output: Output) -> None:
    progress, running = read_progress(farm, bench_id), Benches(farm.engine).running(bench_id)
    show_answer(
        output,
        lambda: {
            "bench": progress.bench._asdict(),
            "executions": progress.states,
            "cases": documents(progress.cases),
            "running": documents(running),
            "paused": pause_documents(progress.paused),
            "unserved": documents(progress.unserved),
            "counts": progress.counts._asdict(),
            "sandboxes": progress.sandboxes,
        },
        lambda: [
            styled((f"bench {bench_id}", "bold"), f"  {progress.bench.state}"),
            line_of(progress, 0, 0.0),
            *(styled((line, "yellow")) for line in _bench_warnings(progress)),
            *sandbox_lines(progress.sandboxes),
            _cases_table(progress.cases),
            *([_running_table(running)] if running else []),
        ],
    )


def _bench_warnings(progress: Progress) -> list[str]:
    return [
        *(f"! {line}" for line in progress.bench.notes),
        *pause_lines(progress.paused),
        # With machines the line of progress has them.
        *([] if progress.machines else unserved_lines(progress.unserved)),
        *(f"! {line}" for line in failed_lines(progress.cases, progress.bench.bench_id)),
    ]


def _running_table(running: list[RunningExecution]) -> Any:
    rows = [
        (
            *(f"x{r.execution_id}", r.issue_id, r.machine_id, seconds(r.running_ms)),
            *(format_usd(r.spent_micro_usd), format_usd(r.reserved_micro_usd)),
        )
        for r in running
    ]
    columns = ("execution", "issue", "machine", "for>", "spent so far>", "reserved>")
    return table("Running", columns, rows)


def _cases_table(cases: list[CaseProgress]) -> Any:
    columns = (
        "issue",
        "risk",
        "size",
        "case",
        "passed>",
        "ran>",
        "dropped>",
        "errors>",
        "running>",
        "waiting>",
        "reason",
    )
    rows = [
        (
            *(c.issue_id, c.dk_risk, c.dk_size, c.state, c.passed),
            *(c.done + c.error, c.dropped, c.error, c.running, c.ready + c.pending),
            c.reason or c.note,
        )
        for c in cases
    ]
    return table(None, columns, rows)
