"""Serving until a signal says stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from planner.serving.endpoints import Endpoint

STOP_SECONDS: Final = 10.0


def serve(endpoint: Endpoint, announce: Callable[[str], None]) -> bool:
    """Answer until SIGTERM or SIGINT, then finish what has arrived; whether all was answered.

    `announce` is told the address once the endpoint listens.
    """
    stop = threading.Event()
    with _on_signals(stop):
        endpoint.begin()
        announce(str(endpoint))
        # Waking now and then lets a signal in where the platform does not interrupt a wait.
        while not stop.wait(timeout=1.0):
            pass
        return endpoint.stop(STOP_SECONDS)


@contextmanager
def _on_signals(stop: threading.Event) -> Iterator[None]:
    def note(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
