"""Run one untrusted program under timeouts: output is captured to a limit, and every process is killed at the end."""

import os
import select
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from workers.control import Control
from workers.sandbox.capture import Capture
from workers.sandbox.launch import Launched
from workers.sandbox.program import Rung, SandboxedProgram
from workers.sandbox.watchdog import Excess, ResourceLimits, ResourceWatchdog

MoneyStop = Literal["cap", "provider"]
"""`cap`: the money reserved for it is used up; `provider`: its model provider failed for good."""
EndedBy = Literal["exit", "result", "budget", "silence", "cancel"] | MoneyStop | Excess
"""`result`: it had reported its result, lingered, and was stopped."""
TICK_SECONDS = 0.5
"""Polling interval of the cancellation token and the resource watchdog; all other events wake the watcher."""
_WITHOUT_PIDFD_SECONDS = 0.05
_ASK_SECONDS = 1.0
_CHUNK = 65536
_NAMED = 3


@dataclass(frozen=True)
class StopConditions:
    """Timeouts and callbacks that stop a program."""

    seconds: float
    no_output_seconds: float | None = None
    capture_bytes: int = 32 * 1024 * 1024
    money_stop: Callable[[], MoneyStop | None] | None = None
    """Called about once a second; a reason stops the program."""
    free_seconds: Callable[[], float] | None = None
    """Called about twice a second: time so far that does not count against `seconds`."""
    result_count: Callable[[], int | None] | None = None
    """Called about once a second: the number of results reported so far, None while the program is working."""
    linger_seconds: float = 10.0
    """How long the program may linger after a result."""

    @property
    def grace_seconds(self) -> float:
        """Between SIGTERM and SIGKILL: two seconds, less where the whole budget is small."""
        return min(2.0, self.seconds / 10)


_UNBOUNDED = ResourceLimits()


@dataclass(frozen=True)
class ProgramExit:
    """How the program ended; `exit_code` is None where it was stopped by the worker."""

    exit_code: int | None
    ended_by: EndedBy
    duration_ms: int
    refused: tuple[str, ...] = ()
    """Connections to the outside that were refused, one line each."""


def refused_message(refused: Sequence[str]) -> str:
    """One line for the user about refused connections, the first three of them by name."""
    further = f" and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
    return f"network refused: {', '.join(refused[:_NAMED])}{further}"


def run(
    rung: Rung,
    program: SandboxedProgram,
    conditions: StopConditions,
    control: Control,
    stdout: Path,
    stderr: Path | None = None,
    resource_limits: ResourceLimits = _UNBOUNDED,
) -> ProgramExit:
    """Run the program to its end; every process that it started is dead on return.

    At a timeout it gets SIGTERM and a grace period; where it exceeds `resource_limits` it is killed at once. Output is
    written to `stdout` and `stderr`, both to `stdout` where the second is None.

    Raises:
        OSError: the program cannot be started, or its output cannot be written.
    """
    with ExitStack() as stack:
        captures = [
            stack.enter_context(Capture(path, conditions.capture_bytes)) for path in (stdout, stderr) if path
        ]
        started = time.monotonic()
        launched = stack.enter_context(Launched(rung, program, merge=stderr is None))
        watchdog = ResourceWatchdog(resource_limits, (program.cell, *program.writes), launched.tree)
        watcher = _Watcher(launched, captures, conditions, control, started, watchdog)
        ended_by = watcher.watch()
        if ended_by in ("result", "budget", "silence"):
            launched.terminate()
            watcher.until(time.monotonic() + conditions.grace_seconds)
        exit_code = launched.process.poll() if ended_by == "exit" else None
        launched.destroy()
        watcher.drain()
        if ended_by == "exit" and launched.is_out_of_memory():
            ended_by, exit_code = "memory", None
        if ended_by == "exit":
            launched.check_started()
        return ProgramExit(exit_code, ended_by, round((time.monotonic() - started) * 1000))


@dataclass
class _Watcher:
    launched: Launched
    captures: list[Capture]
    conditions: StopConditions
    control: Control
    started: float
    watchdog: ResourceWatchdog
    _sinks: dict[int, Capture] = field(init=False)
    _poll: select.poll = field(init=False)
    _output_at: float = field(init=False)
    _results: int | None = field(default=None, init=False)
    _result_at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._poll = select.poll()
        self._output_at = self.started
        self._sinks = {}
        for stream, capture in zip(self.launched.outputs(), self.captures, strict=True):
            os.set_blocking(stream.fileno(), False)
            self._sinks[stream.fileno()] = capture
            self._poll.register(stream.fileno(), select.POLLIN | select.POLLHUP)
        if self.launched.exit_fd is not None:
            self._poll.register(self.launched.exit_fd, select.POLLIN)

    def watch(self) -> EndedBy:
        """Wait until the program ends or must be stopped; returns the first reason."""
        ask = self.started + _ASK_SECONDS
        look = self.started + TICK_SECONDS
        while True:
            now = time.monotonic()
            end = self._budget_end()
            if self.launched.process.poll() is not None:
                return "exit"
            if self.control.reason is not None:
                return "cancel"
            if now >= end:
                return "result" if self._has_result(now) else "budget"
            if now >= self._silent_at():
                return "result" if self._has_result(now) else "silence"
            if now >= look:
                if (excess := self.watchdog.excess()) is not None:
                    return excess
                look = now + TICK_SECONDS
            if now >= ask:
                if (asked := self._ended_itself(now)) is not None:
                    return asked
                ask = now + _ASK_SECONDS
            self._step(min(end, self._silent_at(), now + TICK_SECONDS) - now)

    def _budget_end(self) -> float:
        free = 0.0 if self.conditions.free_seconds is None else self.conditions.free_seconds()
        return self.started + self.conditions.seconds + free

    def until(self, end: float) -> None:
        """Read output until the program has ended, at most until `end` (monotonic seconds)."""
        while self.launched.process.poll() is None and (left := end - time.monotonic()) > 0:
            self._step(min(left, TICK_SECONDS))

    def drain(self) -> None:
        """Read what is left in the pipes; no process has their other end open any more."""
        for fd in list(self._sinks):
            while self._read(fd):
                pass

    def _ended_itself(self, now: float) -> EndedBy | None:
        """Whether the program's own reports (results, spending) stop it, and why."""
        if self._has_result(now):  # its money is spent: it ends by itself or after the linger timeout
            return "result" if now >= self._result_at + self.conditions.linger_seconds else None
        return None if self.conditions.money_stop is None else self.conditions.money_stop()

    def _has_result(self, now: float) -> bool:
        """Whether a result is reported and no work followed it; a further result restarts the timeout."""
        count = None if self.conditions.result_count is None else self.conditions.result_count()
        if count != self._results:
            self._results, self._result_at = count, now
        return count is not None

    def _silent_at(self) -> float:
        silence = self.conditions.no_output_seconds
        return float("inf") if silence is None else self._output_at + silence

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
        self._output_at = time.monotonic()
        self._sinks[fd].feed(data)
        return True
