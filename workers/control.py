"""Cancellation token, live spend and log directories of a running execution, shared by its threads."""

import threading
from enum import StrEnum
from pathlib import Path


class StopReason(StrEnum):
    """Why an execution is stopped before its own budget ends."""

    CANCEL = "cancel"
    """The bench was cancelled: record what was spent."""
    DEADLINE = "deadline"
    """The execution ran past every limit it has: a last timeout that should never be needed."""
    FENCED = "fenced"
    """The lease is lost (its token is fenced off): any result is late."""
    RELEASE = "release"
    """Preemption: the machine drains, or the daily cap was lowered. The lease is released."""


class Control:
    """A cancellation token that threads and process watchers wait on. The first reason is final."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._reason: StopReason | None = None
        self._spent_by_candidate: dict[int, int] = {}
        self._logs_by_candidate: dict[int, Path] = {}

    def stop(self, reason: StopReason) -> None:
        """Request the stop; thread-safe and idempotent."""
        with self._lock:
            if self._reason is None:
                self._reason = reason
        self._stopped.set()

    @property
    def reason(self) -> StopReason | None:
        """Why the work must stop; None while it may continue."""
        return self._reason

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`; True as soon as the work must stop."""
        return self._stopped.wait(seconds)

    def report_spent(self, candidate_index: int, micro_usd: int) -> None:
        """Set the metered spend of a candidate so far, in micro-dollars; thread-safe, the last value counts."""
        with self._lock:
            self._spent_by_candidate[candidate_index] = micro_usd

    def spent(self) -> int | None:
        """The metered spend of all candidates so far, in micro-dollars; None while none has reported any."""
        with self._lock:
            return sum(self._spent_by_candidate.values()) if self._spent_by_candidate else None

    def report_logs(self, candidate_index: int, directory: Path) -> None:
        """Set where a candidate's logs are written; thread-safe. They are removed when its workcell ends."""
        with self._lock:
            self._logs_by_candidate[candidate_index] = directory

    def log_directories(self) -> dict[int, Path]:
        """Where the logs of all candidates that have started are written, by their index."""
        with self._lock:
            return dict(self._logs_by_candidate)
