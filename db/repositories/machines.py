"""Machines: who is there, what they can do, which capability classes they serve."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from db.engine import call, transaction


@dataclass(frozen=True)
class Greeting:
    """What the farm answers to a machine that says it is alive."""

    queues: tuple[str, ...]
    ready: tuple[str, ...]
    """The served classes that have work ready right now."""
    suspended: bool


class Machines:
    """Registration and presence of machines."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def register(self, machine: str, capabilities: list[str], concurrency: int) -> tuple[str, ...]:
        """Announce a machine (again); the capability classes it serves. Clears a suspension."""
        statement = sa.text("SELECT farm.register_machine(:machine, :capabilities, :concurrency)")
        values = {"machine": machine, "capabilities": capabilities, "concurrency": concurrency}
        return tuple(call(self._engine, statement, values))

    def greet(self, machine: str) -> Greeting:
        """Say that the machine is alive."""
        answer: dict[str, Any] = call(
            self._engine, sa.text("SELECT farm.greet_machine(:machine)"), {"machine": machine}
        )
        return Greeting(tuple(answer["queues"]), tuple(answer["ready"]), answer["suspended"])

    def list_all(self) -> list[dict[str, Any]]:
        """Every machine ever seen, the most recently seen first, with what it runs now."""
        statement = sa.text("""
            SELECT m.*, extract(epoch FROM now() - m.seen_at) AS seen_seconds_ago,
                   (SELECT count(*) FROM farm.executions e
                    WHERE e.state = 'running' AND e.machine_id = m.machine_id) AS running
            FROM farm.machines m ORDER BY m.seen_at DESC, m.machine_id""")
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def trust_again(self, machine: str) -> bool:
        """Lift a suspension; False where no such machine is known."""
        statement = sa.text(
            "UPDATE farm.machines SET suspended = false, infra_failures = 0 WHERE machine_id = :machine"
        )
        with transaction(self._engine) as connection:
            return connection.execute(statement, {"machine": machine}).rowcount > 0
