"""Heartbeat of a lease: renews it, and passes the orders in the answers to the attempt's cancellation token."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from db.repositories.leases import LeaseOrder
from workers.control import Control, StopReason
from workers.lease.timing import LeaseTiming

_STOPS = {
    "cancel": StopReason.CANCEL,
    "hand_back": StopReason.RELEASE,
    "deadline": StopReason.DEADLINE,
    "fenced": StopReason.FENCED,
}


class HeartbeatSender(Protocol):
    """The operation that a heartbeat uses."""

    def heartbeat(
        self,
        execution: int,
        attempt: int,
        token: UUID,
        lease_seconds: float,
        spent_micro_usd: int | None = None,
    ) -> LeaseOrder: ...


class Heartbeat:
    """A thread that sends periodic heartbeats, with jitter, until it is closed.

    A watchdog fences the worker itself: without an answer for `timing.self_kill` seconds of its monotonic clock it
    cancels the work, because the lease may have expired. That clock continues while the process is frozen, so a
    worker that resumes late cancels before it does harm.

    Each heartbeat carries the live spend that `spent` returns, in micro-dollars; None where it is not metered.
    `send_output` is called while somebody follows the execution.
    """

    def __init__(
        self,
        leases: HeartbeatSender,
        execution: int,
        attempt: int,
        token: UUID,
        control: Control,
        timing: LeaseTiming,
        leaving: Callable[[], bool] = lambda: False,
        look_seconds: float = 0.5,
        spent: Callable[[], int | None] = lambda: None,
        send_output: Callable[[], object] = lambda: None,
    ) -> None:
        self._leases = leases
        self._held = (execution, attempt, token)
        self._control = control
        self._timing = timing
        self._leaving = leaving
        self._spent = spent
        self._send_output = send_output
        self._look_seconds = min(look_seconds, timing.heartbeat)
        self._closed = threading.Event()
        self._answered = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"heart-{execution}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        """Watch the clock; send in another thread, so that a call that hangs cannot delay the watchdog."""
        self._answered = time.monotonic()
        next_beat = self._answered + self._pause()
        asking: threading.Thread | None = None
        while not self._closed.wait(self._look_seconds):
            # Neither a failing disk nor a machine without a free thread ends the watch: the next pass retries.
            with suppress(OSError):
                if self._leaving():
                    self._control.stop(StopReason.RELEASE)
            now = time.monotonic()
            if now - self._answered >= self._timing.self_kill:
                self._control.stop(StopReason.FENCED)
            elif now >= next_beat and (asking is None or not asking.is_alive()):
                asking = threading.Thread(target=self._ask, daemon=True)
                with suppress(RuntimeError):
                    asking.start()
                    next_beat = now + self._pause()

    def _ask(self) -> None:
        asked = time.monotonic()
        try:
            order = self._leases.heartbeat(*self._held, self._timing.lease, self._spent())
        except SQLAlchemyError:
            return
        # The lease counts from the server's answer, which is later than the request.
        self._answered = asked
        if order in _STOPS:
            self._control.stop(_STOPS[order])
        elif order == "send_output":
            self._send_output()

    def _pause(self) -> float:
        return self._timing.heartbeat * random.uniform(0.8, 1.2)  # noqa: S311  # jitter, not a secret
