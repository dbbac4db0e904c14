"""Timing of a lease: its length, the heartbeat interval, and the self-fencing timeout."""

import os
from dataclasses import dataclass
from typing import Final

from workers.errors import WorkerError

SHORTEST_LEASE_SECONDS: Final = 5
LONGEST_LEASE_SECONDS: Final = 3600
"""The limit of farm.lease_end: a worker that assumed a longer lease would continue after its end."""


@dataclass(frozen=True)
class LeaseTiming:
    """Length of a lease, heartbeat interval, and timeout of a worker without an answer. All in seconds."""

    lease: float = 180.0
    heartbeat: float = 20.0
    self_kill: float = 150.0
    """Counted on the worker's own monotonic clock; less than the lease, so that the work is dead before it is
    leased again."""

    @classmethod
    def of_lease(cls, seconds: float) -> "LeaseTiming":
        """The same proportions for a lease of `seconds`."""
        return cls(lease=seconds, heartbeat=seconds / 9, self_kill=seconds * 5 / 6)

    @classmethod
    def from_environment(cls) -> "LeaseTiming":
        """The timing by `BENCH_LEASE_SECONDS`, or the default. Raises `WorkerError` where that is invalid."""
        text = os.environ.get("BENCH_LEASE_SECONDS")
        if text is None:
            return cls()
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not SHORTEST_LEASE_SECONDS <= seconds <= LONGEST_LEASE_SECONDS:
            raise WorkerError(
                f"BENCH_LEASE_SECONDS is {text!r}; give a number of seconds from {SHORTEST_LEASE_SECONDS} to"
                f" {LONGEST_LEASE_SECONDS}"
            )
        return cls.of_lease(seconds)
