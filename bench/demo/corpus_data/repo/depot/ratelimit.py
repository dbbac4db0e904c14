"""Not faster than the carrier allows: a token bucket that really waits."""

import threading
import time
from collections import deque
from collections.abc import Callable


class TokenBucket:
    """``rate`` calls a second on average, up to ``burst`` at once."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._filled_at = clock()
        self._lock = threading.Lock()

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now

    def try_take(self, count: int = 1) -> bool:
        """Take tokens if there are enough now."""
        with self._lock:
            self._fill()
            if self._tokens < count:
                return False
            self._tokens -= count
            return True

    def wait_time(self, count: int = 1) -> float:
        """Seconds until that many tokens are there; 0 where they are."""
        with self._lock:
            self._fill()
            missing = count - self._tokens
            return missing / self._rate if missing > 0 else 0.0

    def take(self, count: int = 1, patience: float | None = None) -> bool:
        """Wait for tokens, at most ``patience`` seconds; False where that was not enough."""
        if count > self._burst:
            raise ValueError(f"{count} tokens never fit into a bucket of {self._burst}")
        started = self._clock()
        while not self.try_take(count):
            wait = self.wait_time(count)
            waited = self._clock() - started
            if patience is not None and waited + wait > patience:
                return False
            time.sleep(wait)
        return True


class Window:
    """At most ``limit`` calls in any ``seconds``; the calls are remembered one by one."""

    def __init__(self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._calls: deque[float] = deque()

    def allow(self) -> bool:
        now = self._clock()
        while self._calls and now - self._calls[0] >= self._seconds:
            self._calls.popleft()
        if len(self._calls) >= self._limit:
            return False
        self._calls.append(now)
        return True

    def free_at(self) -> float:
        """The clock's time at which the next call is allowed."""
        now = self._clock()
        if len(self._calls) < self._limit:
            return now
        return max(now, self._calls[-self._limit] + self._seconds)
