"""How a running execution is told to stop, from the heartbeat, the machine or the operator."""

import threading
from enum import StrEnum


class StopReason(StrEnum):
    """Why an execution must end before its own budget did."""

    CANCEL = "cancel"
    """The bench was cancelled: record what was spent."""
    DEADLINE = "deadline"
    """The execution ran past every limit it has: a backstop that should never ring."""
    FENCED = "fenced"
    """The lease is lost: whatever comes of the work is late."""
    RELEASE = "release"
    """The machine goes away, or the daily cap was lowered: hand the work back."""


class Control:
    """A stop order that threads and process watchers wait on. The first reason given stands."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._reason: StopReason | None = None

    def stop(self, reason: StopReason) -> None:
        """Order the stop; safe from any thread."""
        with self._lock:
            if self._reason is None:
                self._reason = reason
        self._stopped.set()

    @property
    def reason(self) -> StopReason | None:
        """Why the work must stop; None while it may go on."""
        return self._reason

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`; True as soon as the work must stop."""
        return self._stopped.wait(seconds)
