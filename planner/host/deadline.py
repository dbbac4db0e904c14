"""Calls with a deadline, in a bounded pool of daemon threads."""

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final

MAX_THREADS: Final = 4


class DeadlineExceededError(Exception):
    """The call exceeded its deadline."""


class CallError(Exception):
    """The call raised `error`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(repr(error))
        self.error = error


class _Job:
    __slots__ = ("abandoned", "argument", "done", "error", "finished", "function", "result")

    def __init__(self, function: Callable[[Any], Any], argument: Any) -> None:
        self.function = function
        self.argument = argument
        self.done = threading.Lock()
        self.done.acquire()
        self.result: Any = None
        self.error: BaseException | None = None
        self.finished = False
        self.abandoned = False


_Inbox = SimpleQueue[_Job | None]


class _Shared:
    """State shared by the pool and its threads; threads hold no reference to the pool, so it can be collected."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.free: SimpleQueue[_Inbox] = SimpleQueue()
        self.started = 0
        self.late = 0
        self.closed = False


class DeadlineCalls:
    """Bounded thread pool for calls with a deadline; thread-safe and fork-safe.

    A call that hangs cannot be killed: it keeps its thread, and its caller returns at the deadline. While every thread
    hangs, further calls are rejected at once, so that neither callers nor threads pile up. Threads start on demand, end
    when the pool is collected, and are created again in a forked child.
    """

    def __init__(self, size: int = MAX_THREADS) -> None:
        self._size = size
        self._begin()

    def _begin(self) -> None:
        self._shared = _Shared()
        self._process = os.getpid()
        weakref.finalize(self, _close, self._shared)

    def with_deadline(self, deadline: float) -> Callable[[Callable[[Any], Any], Any], Any]:
        """`call` with this deadline, in seconds of `time.monotonic`."""
        return partial(self.call, deadline)

    def call(self, deadline: float, function: Callable[[Any], Any], argument: Any) -> Any:
        """Run `function(argument)` in the pool until `deadline`, in seconds of `time.monotonic`.

        Returns its result. Raises `DeadlineExceededError` where it has not ended by then or no thread is free, and
        `CallError` where it raised.
        """
        if self._process != os.getpid():
            self._begin()
        shared = self._shared
        job = _Job(function, argument)
        self._free_thread(shared, deadline).put(job)
        if not job.done.acquire(timeout=max(0.0, deadline - monotonic())):
            self._give_up(shared, job)
        if job.error is not None:
            raise CallError(job.error)
        return job.result

    def _free_thread(self, shared: _Shared, deadline: float) -> _Inbox:
        try:
            return shared.free.get_nowait()
        except Empty:
            pass
        with shared.lock:
            if shared.late >= self._size:
                raise DeadlineExceededError
            if shared.started < self._size:
                return _start(shared)
        try:
            return shared.free.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            raise DeadlineExceededError from None

    @staticmethod
    def _give_up(shared: _Shared, job: _Job) -> None:
        with shared.lock:
            if job.finished:
                return
            job.abandoned = True
            shared.late += 1
        raise DeadlineExceededError


def _start(shared: _Shared) -> _Inbox:
    inbox: _Inbox = SimpleQueue()
    # Daemon: a call that hangs must not block the exit of the host.
    threading.Thread(target=_work, args=(inbox, shared), name="planner-call", daemon=True).start()
    shared.started += 1
    return inbox


def _work(inbox: _Inbox, shared: _Shared) -> None:
    while (job := inbox.get()) is not None:
        try:
            job.result = job.function(job.argument)
        except BaseException as error:
            job.error = error
        with shared.lock:
            job.finished = True
            shared.late -= job.abandoned
        job.done.release()
        del job
        shared.free.put(inbox)
        if shared.closed:
            _close(shared)


def _close(shared: _Shared) -> None:
    shared.closed = True
    while True:
        try:
            shared.free.get_nowait().put(None)
        except Empty:
            return
