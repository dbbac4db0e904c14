"""Cancellation token of a running execution, set by the heartbeat, the machine or the operator."""

import threading
from enum import StrEnum


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
