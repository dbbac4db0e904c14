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
from typing import Final, Literal, get_args

from planner.documents.statuses import OutcomeStatus


class ExecutionState(StrEnum):
    """State of an execution."""

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

TERMINAL: Final = frozenset({_S.DONE, _S.ERROR, _S.CANCELLED, _S.SKIPPED})
"""States without a further transition, but that a raised cap reopens `skipped`."""

CaseState = Literal["checking", "pending", "admitted", "finished", "invalid", "error", "skipped", "cancelled"]
"""checking: the gates run on the base commit; pending: waits for money; admitted: its arms run; invalid: the issue
cannot be benched; error: its environment failed in the check, as its set-up; a resume checks it again."""
CASE_STATES: Final = get_args(CaseState)

UNDECIDED_CASES: Final[tuple[CaseState, ...]] = ("checking", "pending", "admitted", "cancelled")
"""States of cases that may have no verdict because they are slow."""

BenchState = Literal["open", "halted", "finished", "cancelled"]
BENCH_STATES: Final = get_args(BenchState)
CLOSED_BENCHES: Final[frozenset[BenchState]] = frozenset({"finished", "cancelled"})
"""States in which nothing of a bench runs again unless it is resumed."""

BenchKind = Literal["bench", "stream"]
"""stream: the cases are added one by one, each with the one arm that a policy chose."""
BENCH_KINDS: Final = get_args(BenchKind)

AttemptEnding = Literal["running", "done", "error", "lost", "released", "cancelled"]
ATTEMPT_ENDINGS: Final = get_args(AttemptEnding)

OUTCOME_STATUSES: Final = get_args(OutcomeStatus)

ErrorClass = Literal["infra", "provider", "killed_by_cap", "lost", "invalid_issue"]
"""Why an execution has no result."""
ERROR_CLASSES: Final = get_args(ErrorClass)

PropensityKind = Literal["exact", "estimated", "deterministic"]
PROPENSITY_KINDS: Final = get_args(PropensityKind)

LandMode = Literal["branch", "pr", "merge"]
"""How a stream delivers a solved issue: as a branch, as a pull request, or merged into the target branch."""
LAND_MODES: Final = get_args(LandMode)

LandingState = Literal["queued", "branched", "checking", "landed", "held"]
"""queued: nothing is in the source repository yet; branched: the commit is on its branch; checking: the gates run on
the merge result; held: waits for a person."""
LANDING_STATES: Final = get_args(LandingState)

NoticeKind = Literal[
    "bench_finished",
    "bench_halted",
    "cap_warning",
    "cap_reached",
    "machine_suspended",
    "stream_starving",
    "drift_found",
]
NOTICE_KINDS: Final = get_args(NoticeKind)

NoticeTargetType = Literal["webhook", "apprise"]
NOTICE_TARGET_TYPES: Final = get_args(NoticeTargetType)

DeliveryState = Literal["due", "sent", "failed"]
"""due: to be sent, or sent again; failed: its target did not accept it for a day, or refused it for good."""
DELIVERY_STATES: Final = get_args(DeliveryState)
