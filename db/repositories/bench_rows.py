"""Rows of benches and of their cases, as `Benches` returns them. Money is in micro-dollars, time in milliseconds."""

from datetime import datetime
from typing import Any, NamedTuple, NotRequired, TypedDict

from db.objectives import Objective, TieBreak
from db.states import BenchKind, BenchState, CaseState


class DroppedArm(TypedDict):
    """Why an arm left a race: its e-value, and the issues that it was computed from."""

    e: float
    issues: int


class RaceDocument(TypedDict):
    """The race of a bench: a JSON document in the column `race`."""

    cells: list[int]
    """The actions that race, by their rank in the action space."""
    control: bool
    """Whether the baseline of each issue runs as a further arm."""
    looked: int
    """Decided cases at the last look."""
    dropped: dict[str, DroppedArm]
    """By cell, as text."""
    rule: NotRequired[str]
    """The test that drops arms; missing in races of older versions, which have the first."""


class BenchListing(NamedTuple):
    """One line of the list of benches."""

    bench_id: str
    kind: BenchKind
    created_at: datetime
    state: BenchState
    slice: str
    strategy: str
    k: int
    halt_reason: str | None
    finished_at: datetime | None
    cases: int


class BenchRow(NamedTuple):
    """A bench with its caps. A limit of None is no cap."""

    bench_id: str
    bench_no: int
    created_at: datetime
    config: dict[str, Any]
    config_hash: str
    slice: str
    seed: int
    k: int
    strategy: str
    objective: Objective
    tie_break: list[TieBreak]
    max_retries: int
    state: BenchState
    halt_reason: str | None
    finished_at: datetime | None
    kind: BenchKind
    race: RaceDocument | None
    stability: dict[str, Any] | None
    """Hashes of its rules; None in a stream, and in a bench of an older version."""
    usd_limit: int | None
    usd_spent: int
    usd_reserved: int
    usd_overrun: int
    ms_limit: int | None
    ms_spent: int
    ms_reserved: int
    executions_limit: int | None
    executions_spent: int
    executions_reserved: int
    notes: list[str]
    """What its submission noted for people, one line each."""


class CaseProgress(NamedTuple):
    """A case with its executions of arms, counted by state and result."""

    case_id: int
    issue_id: str
    dk_risk: str
    dk_size: str
    state: CaseState
    reason: str | None
    note: str | None
    pending: int
    ready: int
    running: int
    done: int
    error: int
    skipped: int
    """Left out by a cap or a race, or with their case, where its check failed."""
    cancelled: int
    dropped: int
    """Skipped or cancelled."""
    passed: int
    baseline_scored: int
    """Runs of the baseline's arm with a result; the run that decided a race is left out."""
    baseline_passed: int


class RunningExecution(NamedTuple):
    """An execution of an arm that runs now."""

    execution_id: int
    issue_id: str
    attempt: int
    machine_id: str
    started_at: datetime
    running_ms: int
    spent_micro_usd: int | None
    """Metered so far, by the last heartbeat; None where it is not metered."""
    reserved_micro_usd: int


class BenchUsage(NamedTuple):
    """What the executions of arms of a bench used."""

    executions: int
    """Those with an outcome."""
    duration_ms: int
    charged_micro_usd: int


class UnjudgedExecutions(NamedTuple):
    """Executions of arms whose work no gate has judged, of one issue and for one reason."""

    issue_id: str
    reason: str
    """An error class or a fail code."""
    message: str
    executions: int
    execution_ids: list[int]
