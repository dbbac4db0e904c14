"""A stream from its first step to its last."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from bench.errors import FailureError
from bench.stream.scheduler import Scheduler, StepReport
from db.repositories.streams import Streams

PAUSE_SECONDS = 0.5


def run_stream(
    scheduler: Scheduler,
    streams: Streams,
    bench_id: str,
    stop: threading.Event,
    tell: Callable[[StepReport], None],
    *,
    once: bool,
    is_leader: Callable[[], bool] = lambda: True,
) -> None:
    """Step until `stop`, or with `once` until nothing runs and nothing may start.

    After `stop` nothing new starts, and what runs goes on: workers own it, its outcome is recorded, and the next
    `bench run` finds it. A `FailureError` where the stream was halted or cancelled from outside, or the turn is
    another one's.
    """
    while not stop.is_set():
        if not is_leader():
            raise FailureError(f"another bench run works on stream {bench_id} by now; this one stops")
        report = scheduler.step(datetime.now(UTC))
        tell(report)
        if once and report.drained and not report.started:
            streams.finish_drained()
            return
        _check(streams, bench_id)
        if not report.started:
            streams.finish_drained(but=bench_id)
            stop.wait(PAUSE_SECONDS)


def _check(streams: Streams, bench_id: str) -> None:
    state, reason = streams.state(bench_id)
    if state == "halted":
        raise FailureError(f"stream {bench_id} is halted: {reason}; go on with: bench resume {bench_id}")
    if state != "open":
        raise FailureError(f"stream {bench_id} is {state}; start another with: bench run")
