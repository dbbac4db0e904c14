"""Asking a carrier again: delays between attempts, and a breaker that stops asking."""

from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


class GaveUp(Exception):
    """Every attempt failed."""


class CircuitOpen(Exception):
    """The breaker does not let the call through."""


def delays(first: float, factor: float, limit: float, attempts: int) -> Iterator[float]:
    """Seconds to wait before attempt two, three, …; each longer by ``factor``, none above ``limit``."""
    delay = first
    for _ in range(attempts - 1):
        yield min(delay, limit)
        delay *= factor


def retry_after(header: str | None, fallback: float, limit: float) -> float:
    """Seconds from a Retry-After header; the fallback where it says nothing usable."""
    if header is None or not header.strip().isdigit():
        return fallback
    return min(float(header), limit)


def call(work: Callable[[], T], waits: Iterator[float], sleep: Callable[[float], None], *retried: type) -> T:
    """Do the work, sleeping between failed attempts; only the exceptions named are tried again."""
    while True:
        try:
            return work()
        except retried as error:
            wait = next(waits, None)
            if wait is None:
                raise GaveUp(str(error)) from error
            sleep(wait)


class Breaker:
    """Opens after so many failures in a row; half-open after a pause, when one call may try."""

    def __init__(self, failures: int, pause: float, clock: Callable[[], float]) -> None:
        self._limit = failures
        self._pause = pause
        self._clock = clock
        self._failed = 0
        self._opened_at: float | None = None

    @property
    def state(self) -> str:
        if self._opened_at is None:
            return "closed"
        if self._clock() - self._opened_at >= self._pause:
            return "half-open"
        return "open"

    def run(self, work: Callable[[], T]) -> T:
        state = self.state
        if state == "open":
            raise CircuitOpen(f"closed again in {self._opened_at + self._pause - self._clock():.0f} s")
        try:
            result = work()
        except Exception:
            self._failed += 1
            if state == "half-open" or self._failed >= self._limit:
                self._opened_at = self._clock()
            raise
        self._failed = 0
        self._opened_at = None
        return result
