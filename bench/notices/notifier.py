"""The notifier of a coordinator: threads that detect events and deliver notices, with connections of their own.

Nothing of it runs in a tick, and a tick waits for nothing of it.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from bench.notices.deliver import Courier
from bench.notices.detect import Detector
from db.engine import open_engine

log = logging.getLogger(__name__)

DETECT_SECONDS: Final = 5.0
DELIVER_SECONDS: Final = 1.0
_ONCE_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 2.0


@contextmanager
def notifying(
    database_url: str, detect_seconds: float = DETECT_SECONDS, deliver_seconds: float = DELIVER_SECONDS
) -> Iterator[None]:
    """Context manager that detects and delivers in the background while its block runs.

    At its end a try that is under way is not waited for: its lease ends, and another process repeats it.
    """
    engine = open_engine(database_url, "bench notices", pool_size=2)
    detector, courier = Detector(engine), Courier(engine, os.environ)
    stop = threading.Event()

    def detect() -> None:
        detector.run(datetime.now(UTC))

    def deliver() -> None:
        while not stop.is_set() and courier.deliver_next():
            pass

    threads = [
        threading.Thread(target=_repeat, args=(step, stop, seconds), name=f"notices {name}", daemon=True)
        for name, step, seconds in (("detect", detect, detect_seconds), ("deliver", deliver, deliver_seconds))
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(_STOP_SECONDS)
        engine.dispose()


def notify_once(database_url: str) -> None:
    """Detect events and send what is due, for at most a minute; for coordinators that run one tick."""
    engine = open_engine(database_url, "bench notices", pool_size=1)
    try:
        Detector(engine).run(datetime.now(UTC))
        courier, end = Courier(engine, os.environ), time.monotonic() + _ONCE_SECONDS
        while time.monotonic() < end and courier.deliver_next():
            pass
    except SQLAlchemyError as error:
        log.warning("notices wait: %s", str(error).splitlines()[0])
    finally:
        engine.dispose()


def _repeat(step: Callable[[], None], stop: threading.Event, seconds: float) -> None:
    """Run `step` every so many seconds. An error is logged when it changes, and the next run follows."""
    last = ""
    while not stop.is_set():
        try:
            step()
            last = ""
        except Exception as error:
            line = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            if line != last:
                log.warning("notices wait: %s", line, exc_info=not isinstance(error, SQLAlchemyError))
            last = line
        stop.wait(seconds)
