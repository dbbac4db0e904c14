"""Background export of traces by a coordinator: a thread with connections of its own. No tick waits for it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from bench.traces.otlp import SpanSender
from bench.traces.read import spans_of_execution
from db.engine import open_engine
from db.repositories.trace_rows import recorded_since

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 5.0
_LOOK_BACK: Final = timedelta(minutes=10)
"""At a start: what a predecessor may have left. What it sent has the same ids again."""
_LATE: Final = timedelta(minutes=1)
"""An outcome is dated by the start of its transaction, and seen at its end."""
_BATCH: Final = 50
_STOP_SECONDS: Final = 2.0


class TraceFollower:
    """Sends each execution once, as soon as its outcome is recorded; again where the collector was not there."""

    def __init__(self, engine: sa.Engine, sender: SpanSender, now: datetime) -> None:
        self._engine, self._sender = engine, sender
        self._since = now - _LOOK_BACK
        self._sent: dict[int, datetime] = {}

    def run(self) -> int:
        """Send what is recorded and was not sent. Returns how many executions; raises `TraceError` for a collector
        that takes nothing, and continues there in the next run."""
        count = 0
        while batch := recorded_since(self._engine, self._since, list(self._sent), _BATCH):
            for each in batch:
                self._sender.send(spans_of_execution(self._engine, each.execution_id))
                self._sent[each.execution_id] = each.recorded_at
                count += 1
            self._since = max(self._since, batch[-1].recorded_at - _LATE)
            self._sent = {key: at for key, at in self._sent.items() if at >= self._since}
        return count


@contextmanager
def tracing(database_url: str, address: str | None, every_seconds: float = EVERY_SECONDS) -> Iterator[None]:
    """Context manager that exports in the background while its block runs; nothing where `address` is None.

    Raises `TraceError` for a wrong address, or without the extra.
    """
    if address is None:
        yield
        return
    sender = SpanSender(address)
    engine = open_engine(database_url, "bench traces", pool_size=1)
    follower = TraceFollower(engine, sender, datetime.now(UTC))
    stop = threading.Event()
    thread = threading.Thread(
        target=_repeat, args=(follower, stop, every_seconds), name="traces", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_STOP_SECONDS)
        sender.close()
        engine.dispose()


def _repeat(follower: TraceFollower, stop: threading.Event, seconds: float) -> None:
    """Run it every so many seconds. An error is logged when it changes, and the next run follows."""
    last = ""
    while not stop.is_set():
        try:
            follower.run()
            last = ""
        except Exception as error:
            line = str(error).splitlines()[0] if str(error) else type(error).__name__
            if line != last:
                log.warning("traces wait: %s", line)
            last = line
        stop.wait(seconds)
