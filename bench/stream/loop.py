"""The scheduling loop of a stream, until it is stopped or drained."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from bench.errors import FailureError
from bench.landing.lander import Lander
from bench.stream.scheduler import Scheduler, StepReport
from db.repositories.streams import Streams

PAUSE_SECONDS = 0.5


def run_stream(
    scheduler: Scheduler,
    streams: Streams,
    bench_id: str,
    stop: threading.Event,
    notify: Callable[[StepReport], None],
    *,
    once: bool,
    is_leader: Callable[[], bool] = lambda: True,
    lander: Lander | None = None,
) -> None:
    """Run scheduling steps until `stop` is set or, with `once`, until the stream is drained.

    Graceful shutdown: after `stop` nothing new starts. Open runs continue, because workers hold their leases; their
    outcomes are recorded, and the next `bench run` reads them. `notify` receives the report of each step. `lander`
    lands what was solved; the stream is drained when nothing of that can go further.

    Raises `FailureError` where the stream was halted or cancelled, or `is_leader` returns False.
    """
    while not stop.is_set():
        if not is_leader():
            raise FailureError(f"another bench run works on stream {bench_id} now; this one stops")
        report = scheduler.step(datetime.now(UTC))
        notify(report)
        # What landed may let an issue start that waited for it.
        is_settled = lander is None or (not lander.step(datetime.now(UTC)) and lander.is_settled)
        if once and report.drained and not report.started and is_settled:
            streams.finish_drained()
            return
        _check(streams, bench_id)
        if not report.started:
            streams.finish_drained(but=bench_id)
            stop.wait(PAUSE_SECONDS)


def _check(streams: Streams, bench_id: str) -> None:
    state, reason = streams.state(bench_id)
    if state == "halted":
        raise FailureError(f"stream {bench_id} is halted: {reason}; continue with: bench resume {bench_id}")
    if state != "open":
        raise FailureError(f"stream {bench_id} is {state}; start another with: bench run")
