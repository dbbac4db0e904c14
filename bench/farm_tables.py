"""Tables of the farm, for the terminal and the page: machines, benches, paused capability classes."""

from collections.abc import Iterable

from rich.table import Table

from bench.terminal import seconds, table
from db.repositories.bench_rows import BenchListing
from db.repositories.circuits import PausedClass
from db.repositories.machines import MachineRow
from workers.classes import briefly


def benches_table(benches: Iterable[BenchListing]) -> Table:
    """The table of benches, in the order given."""
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
    return table("Benches", ("bench", "submitted (UTC)", "state", "slice", "strategy", "K>", "cases>"), rows)


def machines_table(machines: Iterable[MachineRow]) -> Table:
    """The table of machines, in the order given."""
    rows = [
        (
            m.machine_id,
            "suspended" if m.suspended else "there" if m.is_present else "gone",
            seconds(float(m.seen_seconds_ago) * 1000),
            f"{m.running}/{m.concurrency}",
            m.sandbox or "",
            briefly(m.capabilities),
        )
        for m in machines
    ]
    return table("Machines", ("machine", "state", "seen before>", "running>", "sandbox", "can do"), rows)


def paused_table(paused: Iterable[PausedClass]) -> Table:
    """The table of capability classes whose circuit is open."""
    columns = ("class", "paused since (UTC)", "failures>", "next probe (UTC)", "waiting>", "reason")
    rows = [
        (
            row.queue,
            f"{row.opened_at:%Y-%m-%d %H:%M:%S}",
            row.failures,
            "runs" if row.probe_runs else f"{row.probe_at:%H:%M:%S}",
            row.waiting,
            row.reason,
        )
        for row in paused
    ]
    return table("Paused classes", columns, rows)
