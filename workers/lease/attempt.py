"""One attempt of an execution: claim a lease, run under its heartbeat, complete or release it."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol
from uuid import UUID, uuid4

from pydantic import ValidationError

from db.engine import retry_transient
from db.repositories.leases import Completion, LeaseOrder
from workers.control import Control, StopReason
from workers.lease.heartbeat import Heartbeat
from workers.lease.timing import LeaseTiming
from workers.result import ExecutionResult
from workers.result_size import within_size_limit
from workers.spec import WorkOrder

Run = Callable[[WorkOrder, Control], ExecutionResult]

_log = logging.getLogger(__name__)
_CLAIM_PATIENCE_SECONDS = 30.0
_COMPLETE_PATIENCE_SECONDS = 3600.0


class LeaseStore(Protocol):
    """Lease operations of the database that an attempt uses. Each is idempotent under its token."""

    def claim(self, queue: str, machine: str, token: UUID, lease_seconds: float) -> dict[str, Any] | None: ...
    def heartbeat(
        self,
        execution: int,
        attempt: int,
        token: UUID,
        lease_seconds: float,
        spent_micro_usd: int | None = None,
    ) -> LeaseOrder: ...
    def complete(
        self, execution: int, attempt: int, token: UUID, result: dict[str, Any], stopped: str | None
    ) -> Completion: ...
    def release(self, execution: int, attempt: int, token: UUID, result: dict[str, Any]) -> str: ...


class ArtifactKeeping(Protocol):
    """Upload of an attempt's files; it never raises for what cannot be kept."""

    def keep(
        self, execution: int, attempt: int, token: UUID, result: ExecutionResult, patience_seconds: float
    ) -> None: ...


class Notes(Protocol):
    """Record of the lease that a process holds, so that another process can report its death."""

    def write(self, execution: int, attempt: int, token: UUID) -> None: ...
    def remove(self) -> None: ...


def attempt_next(
    leases: LeaseStore,
    queue: str,
    machine: str,
    run: Run,
    timing: LeaseTiming,
    notes: Notes,
    leaving: Callable[[], bool] = lambda: False,
    artifacts: ArtifactKeeping | None = None,
) -> str | None:
    """Claim the next execution of class `queue`, run it, store its artifacts, and complete or release its lease.

    Calls to the database are retried with backoff while it is unreachable.

    Returns:
        The database's answer to the completion or the release; None where no execution is ready.
    """
    token = uuid4()
    payload = retry_transient(
        lambda: leases.claim(queue, machine, token, timing.lease), _CLAIM_PATIENCE_SECONDS
    )
    if payload is None:
        return None
    execution, attempt = payload["execution_id"], payload["attempt"]
    facts = {"execution": execution, "attempt": attempt, "queue": queue}
    _log.info("execution %s, attempt %s: claimed", execution, attempt, extra=facts)
    # The note only shortens the time until a death is known; the run itself reports a full disk, as class `infra`.
    with suppress(OSError):
        notes.write(execution, attempt, token)
    control = Control()
    with Heartbeat(leases, execution, attempt, token, control, timing, leaving, spent=control.spent):
        result = _run(payload, run, control)
        is_released = control.reason is StopReason.RELEASE
        if artifacts is not None:
            patience = _CLAIM_PATIENCE_SECONDS if is_released else _COMPLETE_PATIENCE_SECONDS
            artifacts.keep(execution, attempt, token, result, patience)
        ending = _end(leases, execution, attempt, token, within_size_limit(result), control.reason)
    notes.remove()
    _log.info("execution %s, attempt %s: %s", execution, attempt, ending, extra={**facts, "ending": ending})
    return ending


def _run(payload: dict[str, Any], run: Run, control: Control) -> ExecutionResult:
    try:
        order = WorkOrder.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(str(part) for part in first["loc"])
        message = f"this machine cannot read the work order at {location}: {first['msg']}; is it of another version?"
        return ExecutionResult(status="error", error_class="infra", message=message)
    return run(order, control)


def _end(
    leases: LeaseStore,
    execution: int,
    attempt: int,
    token: UUID,
    result: dict[str, Any],
    reason: StopReason | None,
) -> str:
    if reason is StopReason.RELEASE:
        return retry_transient(
            lambda: leases.release(execution, attempt, token, result),
            patience_seconds=_CLAIM_PATIENCE_SECONDS,
        )
    return retry_transient(
        lambda: leases.complete(execution, attempt, token, result, reason.value if reason else None),
        patience_seconds=_COMPLETE_PATIENCE_SECONDS,
    )
