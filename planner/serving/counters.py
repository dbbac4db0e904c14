"""Counters and latency histogram of a sidecar, in plain numbers; a scrape makes Prometheus' metrics of them."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

BOUNDS_SECONDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5),
)
"""Upper bounds of the buckets; the last bucket has none."""
_DECIDED: Final = ""


class ServiceCounts(NamedTuple):
    """All counts at one moment."""

    buckets: tuple[int, ...]
    """Predictions by latency, one more than there are bounds; not cumulative."""
    seconds: float
    """Sum of the latencies."""
    decisions: Mapping[tuple[str, str], int]
    """By action and reason: empty where the model decided, else why it abstained."""
    errors: Mapping[int, int]
    """By code of JSON-RPC."""


class ServiceCounters:
    """Thread-safe counters; recording takes about a microsecond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets = [0] * (len(BOUNDS_SECONDS) + 1)
        self._seconds = 0.0
        self._decisions: Counter[tuple[str, str]] = Counter()
        self._errors: Counter[int] = Counter()

    def predicted(self, document: Mapping[str, Any], seconds: float) -> None:
        """Count one `planner_action` document that took so long."""
        key = (str(document["swarm_id"]), _reason(document))
        bucket = bisect_left(BOUNDS_SECONDS, seconds)
        with self._lock:
            self._buckets[bucket] += 1
            self._seconds += seconds
            self._decisions[key] += 1

    def failed(self, code: int) -> None:
        """Count one error response."""
        with self._lock:
            self._errors[code] += 1

    def read(self) -> ServiceCounts:
        """A consistent copy."""
        with self._lock:
            return ServiceCounts(
                tuple(self._buckets), self._seconds, dict(self._decisions), dict(self._errors)
            )


def _reason(document: Mapping[str, Any]) -> str:
    """Why the planner abstained, without its numbers, which would give each decision a time series of its own."""
    if not document.get("abstain_to_default"):
        return _DECIDED
    first = str(document.get("reason") or "").partition(",")[0]
    return "low_confidence" if first.startswith("low_confidence") else first
