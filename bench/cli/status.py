"""`bench status`."""

from typing import Any

import click

from bench.cli.follow import line_of, read_progress
from bench.cli.session import Farm, open_farm
from bench.embedded.parts import parts_status
from bench.sandboxes import sandbox_lines
from bench.terminal import parts_table, seconds, show, show_json, styled, table
from db.repositories.benches import Benches
from db.repositories.machines import MachineRow, Machines
from db.rows import documents


@click.command()
@click.argument("bench_id", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(bench_id: str | None, as_json: bool) -> None:
    """Show the farm: its parts, machines and benches; or one bench with its cases.

    \b
    Examples:
      bench status
      bench status b-20260131-k3f9q --json
    """
    with open_farm() as farm:
        if bench_id is None:
            _farm_status(farm, as_json)
        else:
            _bench_status(farm, bench_id, as_json)


def _farm_status(farm: Farm, as_json: bool) -> None:
    parts = [] if farm.embedded is None else [*farm.embedded.status(), *parts_status(farm.embedded)]
    machines, benches = Machines(farm.engine).list_all(), Benches(farm.engine).list_all()
    if as_json:
        show_json(
            {
                "parts": [part.__dict__ for part in parts],
                "machines": documents(machines),
                "benches": documents(benches),
            }
        )
        return
    if parts:
        show(parts_table(parts))
    show(machines_table(machines))
    rows = [
        (
            b.bench_id,
            f"{b.created_at:%Y-%m-%d %H:%M}",
            b.state,
            b.slice,
            b.strategy,
            b.k,
            b.cases,
        )
        for b in benches
    ]
    show(table("Benches", ("bench", "submitted (UTC)", "state", "slice", "strategy", "K>", "cases>"), rows))


def machines_table(machines: list[MachineRow]) -> Any:
    """Machines for people."""
    rows = [
        (
            m.machine_id,
            "suspended" if m.suspended else "there" if m.seen_seconds_ago < 60 else "gone",
            seconds(float(m.seen_seconds_ago) * 1000),
            f"{m.running}/{m.concurrency}",
            m.sandbox or "",
            " ".join(m.capabilities),
        )
        for m in machines
    ]
    return table("Machines", ("machine", "state", "seen before>", "running>", "sandbox", "can do"), rows)


def _bench_status(farm: Farm, bench_id: str, as_json: bool) -> None:
    progress = read_progress(farm, bench_id)
    if as_json:
        document = {"bench": progress.bench._asdict(), "executions": progress.states}
        show_json({**document, "cases": documents(progress.cases), "sandboxes": progress.sandboxes})
        return
    show(styled((f"bench {bench_id}", "bold"), f"  {progress.bench.state}"), line_of(progress, 0, 0.0))
    show(*sandbox_lines(progress.sandboxes))
    columns = (
        "issue",
        "risk",
        "size",
        "case",
        "passed>",
        "ended>",
        "errors>",
        "running>",
        "waiting>",
        "reason",
    )
    rows = [
        (
            *(c.issue_id, c.dk_risk, c.dk_size, c.state, c.passed),
            *(c.done + c.error + c.dropped, c.error, c.running, c.ready + c.pending),
            c.reason or c.note,
        )
        for c in progress.cases
    ]
    show(table(None, columns, rows))
