"""Tables of a farm, its machines, benches and policies: for commands and for the page."""

from collections.abc import Iterable
from typing import Any, Final

from rich.table import Table

from bench.terminal import seconds, table
from db.repositories.bench_rows import BenchListing
from db.repositories.machines import MachineRow
from db.repositories.policies import RegisteredPolicy
from workers.classes import briefly

_SHORT: Final = 12


def machines_table(machines: Iterable[MachineRow]) -> Table:
    """The table of machines."""
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


def benches_table(benches: Iterable[BenchListing]) -> Table:
    """The table of benches."""
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


def policies_table(policies: Iterable[RegisteredPolicy]) -> Table:
    """The table of registered policies."""
    columns = ("policy", "kind", "epoch", "registered", "benches>", "bundle")
    return table(None, columns, [_policy_row(policy) for policy in policies])


def _policy_row(policy: RegisteredPolicy) -> tuple[Any, ...]:
    return (
        *(policy.name, policy.kind, short_epoch(policy.epoch)),
        *(f"{policy.registered_at:%Y-%m-%d}", policy.benches, policy.path),
    )


def short_epoch(epoch: str | None) -> str:
    """The first characters of a policy epoch."""
    return "mixed" if epoch is None else epoch[:_SHORT]
