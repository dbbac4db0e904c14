"""What a worker says to the truth: one function call, one round trip, one transaction each."""

import json
from typing import Any, Literal, cast
from uuid import UUID

import sqlalchemy as sa

from db.engine import call

Order = Literal["go_on", "cancel", "hand_back", "deadline", "fenced"]
Completion = Literal["recorded", "retried", "cancelled", "already", "late", "unknown"]

_CLAIM = sa.text("SELECT farm.claim_execution(:queue, :machine, :machine_token, :token, :lease)")
_HEARTBEAT = sa.text("SELECT farm.heartbeat(:execution, :attempt, :token, :lease)")
_COMPLETE = sa.text(
    "SELECT farm.complete_execution(:execution, :attempt, :token, CAST(:result AS jsonb), :stopped)"
)
_REPORT_LOST = sa.text("SELECT farm.report_lost(:execution, :attempt, :token, :evidence)")
_RELEASE = sa.text("SELECT farm.release_execution(:execution, :attempt, :token, CAST(:result AS jsonb))")


class Leases:
    """Claim, heartbeat, complete, release. Every call may be said again when its reply was lost.

    Only a claim needs `machine_token`, with which its machine is registered; the others are proven by the lease's.
    """

    def __init__(self, engine: sa.Engine, machine_token: UUID | None = None) -> None:
        self._engine = engine
        self._machine_token = machine_token

    def claim(self, queue: str, machine: str, token: UUID, lease_seconds: float) -> dict[str, Any] | None:
        """The next ready execution of class `queue` as a work order; None where there is nothing to claim, or the
        machine is suspended or not registered with this token."""
        values = {
            "queue": queue,
            "machine": machine,
            "machine_token": self._machine_token,
            "token": token,
            "lease": lease_seconds,
        }
        return cast(dict[str, Any] | None, self._call(_CLAIM, values))

    def heartbeat(self, execution: int, attempt: int, token: UUID, lease_seconds: float) -> Order:
        """Keep the lease, and hear what to do."""
        values = {"execution": execution, "attempt": attempt, "token": token, "lease": lease_seconds}
        return cast(Order, self._call(_HEARTBEAT, values))

    def complete(
        self, execution: int, attempt: int, token: UUID, result: dict[str, Any], stopped: str | None
    ) -> Completion:
        """Record what came of the attempt; `stopped` names the order that ended it, if any."""
        values = {
            "execution": execution,
            "attempt": attempt,
            "token": token,
            "result": _jsonb(result),
            "stopped": stopped,
        }
        return cast(Completion, self._call(_COMPLETE, values))

    def release(self, execution: int, attempt: int, token: UUID, result: dict[str, Any]) -> str:
        """Hand the work back: 'released', or 'fenced' where the lease was gone already."""
        values = {"execution": execution, "attempt": attempt, "token": token, "result": _jsonb(result)}
        return cast(str, self._call(_RELEASE, values))

    def report_lost(self, execution: int, attempt: int, token: UUID, evidence: str) -> bool:
        """Tell at once that the process that held this lease is dead; False where the lease was gone already."""
        values = {"execution": execution, "attempt": attempt, "token": token, "evidence": evidence}
        return cast(bool, self._call(_REPORT_LOST, values))

    def _call(self, statement: sa.TextClause, values: dict[str, Any]) -> Any:
        return call(self._engine, statement, values)


def _jsonb(value: dict[str, Any]) -> str:
    """JSON that PostgreSQL takes: jsonb holds neither NUL nor half a surrogate, and untrusted output does."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    return text.replace("\\u0000", "\\ufffd")
