"""Leases of executions: each operation is one SQL function, one round trip, one transaction."""

import json
from typing import Any, Literal, cast
from uuid import UUID

import sqlalchemy as sa

from db.engine import call

LeaseOrder = Literal["go_on", "send_output", "cancel", "hand_back", "deadline", "fenced"]
"""`send_output`: somebody follows the execution; to a worker that does not know it, the same as `go_on`."""
Completion = Literal["recorded", "retried", "returned", "cancelled", "already", "late", "unknown"]
"""`returned`: the execution waits until its provider answers again; that costs no retry."""

_CLAIM = sa.text("SELECT farm.claim_execution(:queue, :machine, :machine_token, :token, :lease)")
_HEARTBEAT = sa.text("SELECT farm.heartbeat(:execution, :attempt, :token, :lease, :spent)")
_COMPLETE = sa.text(
    "SELECT farm.complete_execution(:execution, :attempt, :token, CAST(:result AS jsonb), :stopped)"
)
_REPORT_LOST = sa.text("SELECT farm.report_lost(:execution, :attempt, :token, :evidence)")
_RELEASE = sa.text("SELECT farm.release_execution(:execution, :attempt, :token, CAST(:result AS jsonb))")


class Leases:
    """Claim, heartbeat, complete, release; each idempotent, so that it can be retried when its reply was lost.

    Only a claim needs `machine_token`, with which its machine is registered; the others are authorised by the fencing
    token of the lease.
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

    def heartbeat(
        self,
        execution: int,
        attempt: int,
        token: UUID,
        lease_seconds: float,
        spent_micro_usd: int | None = None,
    ) -> LeaseOrder:
        """Extend the lease and record the attempt's spend so far, where it is metered. Returns the order of the farm
        to the worker."""
        values = {
            "execution": execution,
            "attempt": attempt,
            "token": token,
            "lease": lease_seconds,
            "spent": spent_micro_usd,
        }
        return cast(LeaseOrder, self._call(_HEARTBEAT, values))

    def complete(
        self, execution: int, attempt: int, token: UUID, result: dict[str, Any], stopped: str | None
    ) -> Completion:
        """Record the result of the attempt; `stopped` names the order that ended it, if any."""
        values = {
            "execution": execution,
            "attempt": attempt,
            "token": token,
            "result": _jsonb(result),
            "stopped": stopped,
        }
        return cast(Completion, self._call(_COMPLETE, values))

    def release(self, execution: int, attempt: int, token: UUID, result: dict[str, Any]) -> str:
        """Release the lease without an outcome: 'released', or 'fenced' where the lease had ended before."""
        values = {"execution": execution, "attempt": attempt, "token": token, "result": _jsonb(result)}
        return cast(str, self._call(_RELEASE, values))

    def report_lost(self, execution: int, attempt: int, token: UUID, evidence: str) -> bool:
        """End the lease of a process that is dead, before it times out; False where the lease had ended before."""
        values = {"execution": execution, "attempt": attempt, "token": token, "evidence": evidence}
        return cast(bool, self._call(_REPORT_LOST, values))

    def _call(self, statement: sa.TextClause, values: dict[str, Any]) -> Any:
        return call(self._engine, statement, values)


def _jsonb(value: dict[str, Any]) -> str:
    """JSON that PostgreSQL takes: jsonb holds neither NUL nor half a surrogate, and untrusted output does."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    return text.replace("\\u0000", "\\ufffd")
