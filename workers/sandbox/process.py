"""Run one untrusted program under a clock: its output bounded, its silence watched, its end complete."""

import os
import select
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from workers.control import Control
from workers.sandbox.bounds import Bounds, Excess, Gauge
from workers.sandbox.capture import Capture
from workers.sandbox.launch import Launched
from workers.sandbox.program import Program, Rung

EndedBy = Literal["exit", "told", "budget", "silence", "cap", "cancel"] | Excess
"""`told`: it had told its result and was stopped because it did not end."""
TICK_SECONDS = 0.5
"""How often a stop order, and what the program uses, is looked for; all else wakes the watcher by itself."""
_WITHOUT_PIDFD_SECONDS = 0.05
_ASK_SECONDS = 1.0
_CHUNK = 65536


@dataclass(frozen=True)
class Limits:
    """What ends a program from outside."""

    seconds: float
    no_output_seconds: float | None = None
    capture_bytes: int = 32 * 1024 * 1024
    overspent: Callable[[], bool] | None = None
    """Asked about once a second; True ends the program."""
    told: Callable[[], int | None] | None = None
    """Asked about once a second: the number of results told so far, None while the program is at work."""
    linger_seconds: float = 10.0
    """How long the program may go on after a result."""

    @property
    def grace_seconds(self) -> float:
        """Between SIGTERM and SIGKILL: two seconds, less where the whole budget is small."""
        return min(2.0, self.seconds / 10)


_UNBOUNDED = Bounds()


@dataclass(frozen=True)
class Ended:
    """How the program ended; `exit_code` is None where it was stopped from here."""

    exit_code: int | None
    ended_by: EndedBy
    duration_ms: int


def run(
    rung: Rung,
    program: Program,
    limits: Limits,
    control: Control,
    stdout: Path,
    stderr: Path | None = None,
    bounds: Bounds = _UNBOUNDED,
) -> Ended:
    """Run the program to its end; every process that it started is dead on return.

    One that takes more than `bounds` is killed at once, without a request to end. Output goes to `stdout` and
    `stderr`, both to `stdout` where the second is None. Raises `OSError` where the program cannot be started or
    its output cannot be kept.
    """
    with ExitStack() as stack:
        captures = [
            stack.enter_context(Capture(path, limits.capture_bytes)) for path in (stdout, stderr) if path
        ]
        started = time.monotonic()
        launched = stack.enter_context(Launched(rung, program, merge=stderr is None))
        gauge = Gauge(bounds, (program.cell, *program.writes), launched.process.pid)
        watcher = _Watcher(launched, captures, limits, control, started, gauge)
        ended_by = watcher.watch()
        if ended_by in ("told", "budget", "silence"):
            launched.terminate()
            watcher.until(time.monotonic() + limits.grace_seconds)
        exit_code = launched.process.poll() if ended_by == "exit" else None
        launched.destroy()
        watcher.drain()
        if ended_by == "exit":
            launched.check_started()
        return Ended(exit_code, ended_by, round((time.monotonic() - started) * 1000))


@dataclass
class _Watcher:
    launched: Launched
    captures: list[Capture]
    limits: Limits
    control: Control
    started: float
    gauge: Gauge
    _sinks: dict[int, Capture] = field(init=False)
    _poll: select.poll = field(init=False)
    _heard: float = field(init=False)
    _told: int | None = field(default=None, init=False)
    _told_at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._poll = select.poll()
        self._heard = self.started
        self._sinks = {}
        for stream, capture in zip(self.launched.outputs(), self.captures, strict=True):
            os.set_blocking(stream.fileno(), False)
            self._sinks[stream.fileno()] = capture
            self._poll.register(stream.fileno(), select.POLLIN | select.POLLHUP)
        if self.launched.exit_fd is not None:
            self._poll.register(self.launched.exit_fd, select.POLLIN)

    def watch(self) -> EndedBy:
        """Wait for whatever ends the program first."""
        end = self.started + self.limits.seconds
        ask = self.started + _ASK_SECONDS
        look = self.started + TICK_SECONDS
        while True:
            now = time.monotonic()
            if self.launched.process.poll() is not None:
                return "exit"
            if self.control.reason is not None:
                return "cancel"
            if now >= end:
                return "told" if self._has_told(now) else "budget"
            if now >= self._silent_at():
                return "told" if self._has_told(now) else "silence"
            if now >= look:
                if (excess := self.gauge.excess()) is not None:
                    return excess
                look = now + TICK_SECONDS
            if now >= ask:
                if (asked := self._asked(now)) is not None:
                    return asked
                ask = now + _ASK_SECONDS
            self._step(min(end, self._silent_at(), now + TICK_SECONDS) - now)

    def until(self, end: float) -> None:
        """Keep reading until the program is gone, but no longer than `end`."""
        while self.launched.process.poll() is None and (left := end - time.monotonic()) > 0:
            self._step(min(left, TICK_SECONDS))

    def drain(self) -> None:
        """Read what is left in the pipes; nobody holds their other end any more."""
        for fd in list(self._sinks):
            while self._read(fd):
                pass

    def _asked(self, now: float) -> EndedBy | None:
        """What the program says of itself that ends it."""
        if self._has_told(now):  # what it spent is spent: its end comes by itself, or soon
            return "told" if now >= self._told_at + self.limits.linger_seconds else None
        return "cap" if self.limits.overspent is not None and self.limits.overspent() else None

    def _has_told(self, now: float) -> bool:
        """Whether a result is told and nothing followed it; a further one starts the time anew."""
        told = None if self.limits.told is None else self.limits.told()
        if told != self._told:
            self._told, self._told_at = told, now
        return told is not None

    def _silent_at(self) -> float:
        silence = self.limits.no_output_seconds
        return float("inf") if silence is None else self._heard + silence

    def _step(self, seconds: float) -> None:
        if self.launched.exit_fd is None:
            seconds = min(seconds, _WITHOUT_PIDFD_SECONDS)
        for fd, _ in self._poll.poll(max(0.0, seconds) * 1000 + 1):
            if fd in self._sinks:
                self._read(fd)

    def _read(self, fd: int) -> bool:
        """Move one chunk; False when there is none for now, or no more at all."""
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._poll.unregister(fd)
            del self._sinks[fd]
            return False
        self._heard = time.monotonic()
        self._sinks[fd].feed(data)
        return True
