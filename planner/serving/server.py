"""Serving until a signal says stop."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from planner.serving.endpoints import Endpoint

STOP_SECONDS: Final = 10.0


def serve(endpoint: Endpoint, announce: Callable[[str], None]) -> bool:
    """Answer until SIGTERM or SIGINT, then finish what has arrived; whether all was answered.

    `announce` is told the address once the endpoint listens. Call it from the main thread.
    """
    with _signals() as signals:
        endpoint.begin()
        announce(str(endpoint))
        os.read(signals, 1)
        return endpoint.stop(STOP_SECONDS)


@contextmanager
def _signals() -> Iterator[int]:
    """A descriptor that has a byte for each signal, whichever thread the signal reaches."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    wakeup = signal.set_wakeup_fd(writer)
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield reader
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(reader)
        os.close(writer)
