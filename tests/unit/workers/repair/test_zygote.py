"""A zygote answers each request from a fork, and nothing that a fork started outlives it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workers.repair.errors import ZygoteLostError
from workers.repair.zygote import Send, Zygote, serve

Handler = Callable[[dict[str, Any], Send], None]
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and prctl")


def handler(request: dict[str, Any], send: Send) -> None:
    match request["do"]:
        case "echo":
            send(request["value"])
        case "hang":
            send(os.getpid())
            signal.pause()
        case "spawn":
            child = subprocess.Popen(
                [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
            )
            send(child.pid)
        case "crash":
            send("before")
            os.kill(os.getpid(), signal.SIGKILL)
        case "murder":
            os.kill(os.getppid(), signal.SIGKILL)
            signal.pause()
        case "silent":
            send("one")
            signal.pause()


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    def body(sock: socket.socket) -> None:
        serve(sock, handler)

    zygote = Zygote(body)
    yield zygote
    zygote.close()


def soon() -> float:
    return time.monotonic() + 60


def is_gone(pid: int) -> bool:
    """Whether the process has ended; a zombie that waits for its new parent has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_answers_belong_to_their_questions_in_any_order(zygote: Zygote) -> None:
    tickets = [zygote.ask({"do": "echo", "value": number, "limit": 10}) for number in range(5)]
    for number in (3, 0, 4, 1, 2):
        assert zygote.answer(tickets[number], soon()) == ([number], True)


def test_more_may_be_asked_than_is_answered_so_far(zygote: Zygote) -> None:
    value = "x" * 100_000
    tickets = [zygote.ask({"do": "echo", "value": value, "limit": 60}) for _ in range(30)]
    assert [zygote.answer(ticket, soon()) for ticket in tickets] == [([value], True)] * 30


def test_asking_one_that_does_not_listen_ends_at_the_deadline() -> None:
    deaf = Zygote(lambda _sock: signal.pause())
    try:
        with pytest.raises(TimeoutError):
            deaf.ask({"value": "x" * 1_000_000, "limit": 60}, time.monotonic() + 0.2)
    finally:
        deaf.close()


@linux
def test_a_fork_that_hangs_is_killed_at_its_limit(zygote: Zygote) -> None:
    lines, done = zygote.answer(zygote.ask({"do": "hang", "limit": 2.0}), soon())
    assert not done
    assert is_gone(lines[0])
    assert zygote.answer(zygote.ask({"do": "echo", "value": 1, "limit": 10}), soon()) == ([1], True)


def test_a_fork_that_falls_silent_is_killed(zygote: Zygote) -> None:
    ticket = zygote.ask({"do": "silent", "limit": 600, "idle": 2.0})
    assert zygote.answer(ticket, soon()) == (["one"], False)


def test_a_fork_that_crashes_leaves_what_it_said(zygote: Zygote) -> None:
    assert zygote.answer(zygote.ask({"do": "crash", "limit": 10}), soon()) == (["before"], False)


@linux
def test_what_a_fork_started_is_dead_when_its_answer_is_there(zygote: Zygote) -> None:
    lines, done = zygote.answer(zygote.ask({"do": "spawn", "limit": 10}), soon())
    assert done
    assert is_gone(lines[0])


def test_a_zygote_that_dies_is_reported(zygote: Zygote) -> None:
    ticket = zygote.ask({"do": "murder", "limit": 10})
    with pytest.raises(ZygoteLostError):
        zygote.answer(ticket, soon())


@linux
def test_closing_ends_a_fork_that_is_at_work() -> None:
    read, write = os.pipe()

    def body(sock: socket.socket) -> None:
        def report_and_wait(_request: Any, _send: Any) -> None:
            os.write(write, str(os.getpid()).encode())
            signal.pause()

        serve(sock, report_and_wait)

    zygote = Zygote(body)
    zygote.ask({"limit": 600})
    pid = int(os.read(read, 20))
    zygote.close()
    os.close(read)
    os.close(write)
    assert is_gone(pid)
    assert is_gone(zygote.pid)


def test_waiting_ends_at_the_deadline(zygote: Zygote) -> None:
    ticket = zygote.ask({"do": "hang", "limit": 600})
    with pytest.raises(TimeoutError):
        zygote.answer(ticket, time.monotonic() + 0.1)
