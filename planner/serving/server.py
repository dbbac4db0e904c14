"""Server loop with graceful shutdown on SIGTERM and SIGINT."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from planner.serving.endpoints import Endpoint

STOP_SECONDS: Final = 10.0


def serve(endpoint: Endpoint, announce: Callable[[str], None]) -> bool:
    """Serve until SIGTERM or SIGINT, then shut down gracefully. Must be called from the main thread.

    `announce` is called with the address once the endpoint listens. Returns whether all requests were answered.
    """
    with _signals() as signals:
        endpoint.begin()
        announce(str(endpoint))
        os.read(signals, 1)
        return endpoint.stop(STOP_SECONDS)


@contextmanager
def _signals() -> Iterator[int]:
    """Self-pipe: a descriptor that gets one byte a signal, in whichever thread it arrives."""
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
