"""The clocks of a lease."""

import os
from dataclasses import dataclass
from typing import Final

from workers.errors import WorkerError

SHORTEST_LEASE_SECONDS: Final = 5
LONGEST_LEASE_SECONDS: Final = 3600
"""As farm.lease_end has it: a worker that counted on a longer lease would work on after it ended."""


@dataclass(frozen=True)
class LeaseTiming:
    """How long a lease holds, how often it is renewed, and when a worker that hears nothing gives up. Seconds."""

    lease: float = 180.0
    heartbeat: float = 20.0
    self_kill: float = 150.0
    """Counted on the worker's own monotonic clock; less than the lease, so that the work is dead before it is
    leased again."""

    @classmethod
    def of_lease(cls, seconds: float) -> "LeaseTiming":
        """The same proportions for another lease."""
        return cls(lease=seconds, heartbeat=seconds / 9, self_kill=seconds * 5 / 6)

    @classmethod
    def from_environment(cls) -> "LeaseTiming":
        """`BENCH_LEASE_SECONDS`, where set."""
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
