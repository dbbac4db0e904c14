"""Calls with a deadline."""

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

import pytest

from planner.host.deadline import CallError, DeadlineCalls, DeadlineExceededError


def _soon(seconds: float = 60.0) -> float:
    return monotonic() + seconds


def _threads_beside(before: set[threading.Thread]) -> list[threading.Thread]:
    """Threads of calls that began since; those of earlier tests may still be on their way out."""
    return [thread for thread in set(threading.enumerate()) - before if thread.name == "planner-call"]


def test_a_call_returns_its_result_or_its_error() -> None:
    calls = DeadlineCalls()
    assert calls.call(_soon(), str.upper, "a") == "A"
    with pytest.raises(CallError) as raised:
        calls.call(_soon(), int, "x")
    assert isinstance(raised.value.error, ValueError)


def test_an_error_that_would_end_a_thread_is_an_error_of_the_call() -> None:
    calls = DeadlineCalls(1)
    for _ in range(3):
        with pytest.raises(CallError) as raised:
            calls.call(_soon(), sys.exit, 3)
        assert isinstance(raised.value.error, SystemExit)
    assert calls.call(_soon(), len, "abc") == 3


def test_a_hung_call_keeps_its_caller_no_longer_than_the_deadline() -> None:
    calls, gate = DeadlineCalls(), threading.Event()
    began = monotonic()
    with pytest.raises(DeadlineExceededError):
        calls.call(_soon(0.05), gate.wait, 60)
    assert 0.05 <= monotonic() - began < 30
    gate.set()


def test_while_every_thread_hangs_callers_are_refused_at_once_and_no_thread_is_added() -> None:
    before, calls, gate = set(threading.enumerate()), DeadlineCalls(3), threading.Event()
    for _ in range(3):
        with pytest.raises(DeadlineExceededError):
            calls.call(_soon(0.02), gate.wait, 60)
    began = monotonic()
    for _ in range(200):
        with pytest.raises(DeadlineExceededError):
            calls.call(_soon(), len, "abc")
    assert monotonic() - began < 30
    assert len(_threads_beside(before)) == 3
    gate.set()
    assert _eventually(calls, len, "abc") == 3


def test_threads_that_came_back_make_callers_wait_again_instead_of_refusing_them() -> None:
    calls, gate = DeadlineCalls(1), threading.Event()
    with pytest.raises(DeadlineExceededError):
        calls.call(_soon(0.02), gate.wait, 60)
    gate.set()
    _eventually(calls, len, "")
    entered, leave = threading.Event(), threading.Event()

    def hold(name: str) -> str:
        entered.set()
        assert leave.wait(60)
        return name

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(calls.call, _soon(), hold, "a")
        assert entered.wait(60)
        second = pool.submit(calls.call, _soon(), str.upper, "b")
        # A refusal would be its result by now.
        with pytest.raises(TimeoutError):
            second.result(0.1)
        leave.set()
        assert (first.result(), second.result()) == ("a", "B")


def _eventually(calls: DeadlineCalls, function: Callable[[Any], Any], argument: object) -> object:
    """The result once a thread has come back."""
    until = _soon()
    while True:
        try:
            return calls.call(_soon(), function, argument)
        except DeadlineExceededError:
            assert monotonic() < until
            sleep(0.001)


def test_one_hung_thread_leaves_the_others_to_work() -> None:
    calls, gate = DeadlineCalls(2), threading.Event()
    with pytest.raises(DeadlineExceededError):
        calls.call(_soon(0.02), gate.wait, 60)
    assert [calls.call(_soon(), abs, -n) for n in range(50)] == list(range(50))
    gate.set()


def test_more_callers_than_threads_wait_their_turn_and_each_gets_its_own_answer() -> None:
    calls, results, before = DeadlineCalls(2), {}, set(threading.enumerate())

    def ask(n: int) -> None:
        for step in range(50):
            results[n, step] = calls.call(_soon(), lambda x: x * x, n * 1000 + step)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_threads_beside(before)) <= 2
    assert results == {(n, step): (n * 1000 + step) ** 2 for n in range(8) for step in range(50)}


def test_a_caller_that_finds_no_free_thread_leaves_at_its_deadline() -> None:
    calls, gate = DeadlineCalls(1), threading.Event()
    entered = threading.Event()

    def hold(_: object) -> None:
        entered.set()
        gate.wait(60)

    holder = threading.Thread(target=lambda: calls.call(_soon(), hold, None))
    holder.start()
    assert entered.wait(60)
    with pytest.raises(DeadlineExceededError):
        calls.call(_soon(0.05), len, "abc")
    gate.set()
    holder.join()


def test_threads_end_with_their_owner_even_where_one_was_busy() -> None:
    before, calls, gate = set(threading.enumerate()), DeadlineCalls(), threading.Event()
    calls.call(_soon(), len, "abc")
    with pytest.raises(DeadlineExceededError):
        calls.call(_soon(0.02), gate.wait, 60)
    mine = set(threading.enumerate()) - before
    assert mine
    del calls
    gc.collect()
    gate.set()
    for thread in mine:
        thread.join(60)
        assert not thread.is_alive()


def test_a_forked_child_begins_with_threads_of_its_own() -> None:
    script = """
import os, warnings
from time import monotonic
from planner.host.deadline import DeadlineCalls
warnings.simplefilter("ignore")
calls = DeadlineCalls()
assert calls.call(monotonic() + 60, len, "abc") == 3
child = os.fork()
if child == 0:
    os._exit(calls.call(monotonic() + 60, len, "abcd"))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
assert calls.call(monotonic() + 60, len, "ab") == 2
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=240)


def test_a_hung_call_does_not_keep_the_host_from_leaving() -> None:
    script = """
import threading
from time import monotonic
from planner.host.deadline import DeadlineExceededError, DeadlineCalls
calls = DeadlineCalls()
try:
    calls.call(monotonic() + 0.05, threading.Event().wait, None)
except DeadlineExceededError:
    print("left")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "left")
