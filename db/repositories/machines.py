"""Machines: registration, heartbeat, capabilities, and the capability classes that they serve."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from db.engine import call, transaction
from db.errors import DbError
from db.rows import read_rows

# What farm.register_machine raises where the name belongs to another token.
_NAME_IS_TAKEN: Final = "BF001"
_PRESENT_SECONDS: Final = 60


@dataclass(frozen=True)
class HeartbeatReply:
    """The farm's reply to the heartbeat of a machine."""

    queues: tuple[str, ...]
    ready: tuple[str, ...]
    """The served classes that have ready work."""
    suspended: bool
    known: bool = True
    """False where no machine of this name and token is registered (any more)."""


class MachineRow(NamedTuple):
    """A registered machine, with what it runs now."""

    machine_id: str
    capabilities: list[str]
    concurrency: int
    started_at: datetime
    seen_at: datetime
    infra_failures: int
    """Failures of the machine itself since its last success."""
    suspended: bool
    sandbox: str | None
    """The best sandbox that executions find there; None where it has not reported one."""
    seen_seconds_ago: Decimal
    running: int

    @property
    def is_present(self) -> bool:
        """Whether it has sent a heartbeat within the last minute."""
        return self.seen_seconds_ago < _PRESENT_SECONDS


class Machines:
    """Registration and presence of machines."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def register(
        self, machine: str, token: UUID, capabilities: list[str], concurrency: int
    ) -> tuple[str, ...]:
        """Announce a machine (again); the capability classes it serves. Clears a suspension.

        `DbError` where the name is registered with another token.
        """
        statement = sa.text("SELECT farm.register_machine(:machine, :token, :capabilities, :concurrency)")
        values = {
            "machine": machine,
            "token": token,
            "capabilities": capabilities,
            "concurrency": concurrency,
        }
        try:
            return tuple(call(self._engine, statement, values))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _NAME_IS_TAKEN:
                raise
            raise DbError(
                f"the name {machine!r} is registered with another token: another machine has it, or this one lost its"
                f" run directory; give another --machine-id, or free the name with: bench machines forget {machine}"
            ) from error

    def heartbeat(self, machine: str, token: UUID) -> HeartbeatReply:
        """Record that the machine is alive."""
        statement = sa.text("SELECT farm.greet_machine(:machine, :token)")
        answer: dict[str, Any] = call(self._engine, statement, {"machine": machine, "token": token})
        return HeartbeatReply(
            tuple(answer["queues"]), tuple(answer["ready"]), answer["suspended"], answer["known"]
        )

    def report_sandbox(self, machine: str, token: UUID, sandbox: str) -> bool:
        """Record the sandbox of executions on the machine; False where it is not registered with this token."""
        statement = sa.text("SELECT farm.tell_sandbox(:machine, :token, :sandbox)")
        return bool(call(self._engine, statement, {"machine": machine, "token": token, "sandbox": sandbox}))

    def list_all(self) -> list[MachineRow]:
        """Every registered machine, the most recently seen first."""
        statement = sa.text("""
            SELECT m.machine_id, m.capabilities, m.concurrency, m.started_at, m.seen_at, m.infra_failures, m.suspended,
                   m.sandbox, extract(epoch FROM now() - m.seen_at) AS seen_seconds_ago,
                   (SELECT count(*) FROM farm.executions e
                    WHERE e.state = 'running' AND e.machine_id = m.machine_id) AS running
            FROM farm.machines m ORDER BY m.seen_at DESC, m.machine_id""")
        return read_rows(self._engine, MachineRow, statement)

    def trust_again(self, machine: str) -> bool:
        """Lift a suspension; False where no such machine is known."""
        statement = sa.text(
            "UPDATE farm.machines SET suspended = false, infra_failures = 0 WHERE machine_id = :machine"
        )
        with transaction(self._engine) as connection:
            return connection.execute(statement, {"machine": machine}).rowcount > 0

    def forget(self, machine: str) -> bool:
        """Free the name of a machine for any other; False where no such machine is known. Its executions keep
        running."""
        statement = sa.text("DELETE FROM farm.machines WHERE machine_id = :machine")
        with transaction(self._engine) as connection:
            return connection.execute(statement, {"machine": machine}).rowcount > 0
