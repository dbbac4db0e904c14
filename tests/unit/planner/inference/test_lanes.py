"""Calls with a deadline."""

import gc
import subprocess
import sys
import threading
from time import monotonic

import pytest

from planner.lanes import CallError, Lanes, LateError


def _soon(seconds: float = 5.0) -> float:
    return monotonic() + seconds


def _lane_threads() -> int:
    return sum(thread.name == "planner-lane" for thread in threading.enumerate())


def test_a_call_returns_its_result_or_its_error() -> None:
    lanes = Lanes()
    assert lanes.call(_soon(), str.upper, "a") == "A"
    with pytest.raises(CallError) as raised:
        lanes.call(_soon(), int, "x")
    assert isinstance(raised.value.error, ValueError)


def test_an_error_that_would_end_a_thread_is_an_error_of_the_call() -> None:
    lanes = Lanes(1)
    for _ in range(3):
        with pytest.raises(CallError) as raised:
            lanes.call(_soon(), sys.exit, 3)
        assert isinstance(raised.value.error, SystemExit)
    assert lanes.call(_soon(), len, "abc") == 3


def test_a_hung_call_keeps_its_caller_no_longer_than_the_deadline() -> None:
    lanes, gate = Lanes(), threading.Event()
    began = monotonic()
    with pytest.raises(LateError):
        lanes.call(_soon(0.05), gate.wait, 30)
    assert 0.05 <= monotonic() - began < 2
    gate.set()


def test_while_every_lane_hangs_callers_are_refused_at_once_and_no_thread_is_added() -> None:
    before, lanes, gate = _lane_threads(), Lanes(3), threading.Event()
    for _ in range(3):
        with pytest.raises(LateError):
            lanes.call(_soon(0.02), gate.wait, 30)
    began = monotonic()
    for _ in range(200):
        with pytest.raises(LateError):
            lanes.call(_soon(30), len, "abc")
    assert monotonic() - began < 5
    assert _lane_threads() - before == 3
    gate.set()
    assert _eventually(lanes, len, "abc") == 3


def _eventually(lanes: Lanes, function: object, argument: object) -> object:
    """The result once a lane has come back."""
    until = _soon()
    while True:
        try:
            return lanes.call(_soon(), function, argument)  # type: ignore[arg-type]
        except LateError:
            assert monotonic() < until


def test_one_hung_lane_leaves_the_others_to_work() -> None:
    lanes, gate = Lanes(2), threading.Event()
    with pytest.raises(LateError):
        lanes.call(_soon(0.02), gate.wait, 30)
    assert [lanes.call(_soon(), abs, -n) for n in range(50)] == list(range(50))
    gate.set()


def test_more_callers_than_lanes_wait_their_turn_and_each_gets_its_own_answer() -> None:
    lanes, found, before = Lanes(2), {}, _lane_threads()

    def ask(n: int) -> None:
        for step in range(50):
            found[n, step] = lanes.call(_soon(20), lambda x: x * x, n * 1000 + step)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    assert _lane_threads() - before <= 2
    for thread in threads:
        thread.join()
    assert found == {(n, step): (n * 1000 + step) ** 2 for n in range(8) for step in range(50)}


def test_a_caller_that_finds_no_free_lane_leaves_at_its_deadline() -> None:
    lanes, gate = Lanes(1), threading.Event()
    entered = threading.Event()

    def hold(_: object) -> None:
        entered.set()
        gate.wait(30)

    holder = threading.Thread(target=lambda: lanes.call(_soon(30), hold, None))
    holder.start()
    entered.wait(10)
    with pytest.raises(LateError):
        lanes.call(_soon(0.05), len, "abc")
    gate.set()
    holder.join()


def test_lanes_end_with_their_owner_even_where_one_was_busy() -> None:
    before, lanes, gate = set(threading.enumerate()), Lanes(), threading.Event()
    lanes.call(_soon(), len, "abc")
    with pytest.raises(LateError):
        lanes.call(_soon(0.02), gate.wait, 30)
    mine = set(threading.enumerate()) - before
    assert mine
    del lanes
    gc.collect()
    gate.set()
    for thread in mine:
        thread.join(10)
        assert not thread.is_alive()


def test_a_forked_child_begins_with_lanes_of_its_own() -> None:
    script = """
import os, warnings
from time import monotonic
from planner.lanes import Lanes
warnings.simplefilter("ignore")
lanes = Lanes()
assert lanes.call(monotonic() + 10, len, "abc") == 3
child = os.fork()
if child == 0:
    os._exit(lanes.call(monotonic() + 10, len, "abcd"))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
assert lanes.call(monotonic() + 10, len, "ab") == 2
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_hung_call_does_not_keep_the_host_from_leaving() -> None:
    script = """
import threading
from time import monotonic
from planner.lanes import Lanes, LateError
lanes = Lanes()
try:
    lanes.call(monotonic() + 0.05, threading.Event().wait, None)
except LateError:
    print("left")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout.strip()) == (0, "left")
