"""States of an execution and the only transitions allowed; the database enforces the same table.

```
pending ─► ready ─► running ─► done | error | cancelled
   ▲         ▲         │
   │         └─────────┤  lost, released, infrastructure retry: reserved again at once
   └───────────────────┘  the same, where the caps must first give back money
ready ─► pending                    the bench was halted: the reservation is given back
pending | ready ─► skipped | cancelled
skipped ─► pending                  a cap was raised
```
"""

from enum import StrEnum
from typing import Final


class ExecutionState(StrEnum):
    """Where an execution stands."""

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    ERROR = "error"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


_S = ExecutionState

TRANSITIONS: Final[dict[ExecutionState, frozenset[ExecutionState]]] = {
    _S.PENDING: frozenset({_S.READY, _S.SKIPPED, _S.CANCELLED}),
    _S.READY: frozenset({_S.RUNNING, _S.PENDING, _S.SKIPPED, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.READY, _S.PENDING, _S.DONE, _S.ERROR, _S.CANCELLED}),
    _S.SKIPPED: frozenset({_S.PENDING, _S.CANCELLED}),
    _S.DONE: frozenset(),
    _S.ERROR: frozenset(),
    _S.CANCELLED: frozenset(),
}

CASE_STATES: Final = ("checking", "pending", "admitted", "finished", "invalid", "skipped", "cancelled")
"""checking: the gates run on the base commit; pending: waits for money; admitted: its arms run."""

UNDECIDED_CASES: Final = ("checking", "pending", "admitted", "cancelled")
"""States of cases that may have no verdict because they are slow."""

BENCH_STATES: Final = ("open", "halted", "finished", "cancelled")

ATTEMPT_ENDINGS: Final = ("running", "done", "error", "lost", "released", "cancelled")

STATUSES: Final = ("success", "failed", "timeout", "error")

ERROR_CLASSES: Final = ("infra", "provider", "killed_by_cap", "lost", "invalid_issue")
