"""The background loop runs coroutines for any thread, and each process has one of its own."""

import asyncio
import os
import threading

import pytest

from workers.gateway.background import BackgroundLoop, background_loop


def test_a_result_and_an_exception_reach_the_caller() -> None:
    async def thread() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    async def failing() -> None:
        raise KeyError("absent")

    loop = BackgroundLoop("the-loop")
    try:
        assert loop.run(thread()) == "the-loop"
        with pytest.raises(KeyError, match="absent"):
            loop.run(failing())
    finally:
        loop.close()


def test_a_coroutine_is_cancelled_at_its_timeout_and_when_the_loop_closes() -> None:
    cancelled: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    started = threading.Event()

    async def endless(name: str) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(name)

    async def start() -> None:
        tasks.append(asyncio.ensure_future(endless("closed")))

    loop = BackgroundLoop()
    with pytest.raises(TimeoutError):
        loop.run(endless("timeout"), timeout=0.05)
    loop.run(start())
    started.wait()
    loop.close()
    loop.close()
    assert cancelled == ["timeout", "closed"]
    assert loop.loop.is_closed()


def test_all_of_a_process_share_one_and_a_forked_child_has_its_own() -> None:
    async def answer() -> int:
        return os.getpid()

    shared = background_loop()
    assert shared is background_loop()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        own = background_loop().run(answer(), timeout=20) if background_loop() is not shared else 0
        os.write(write, str(own).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with open(read, "rb") as file:  # noqa: PTH123
        assert int(file.read()) == child
    assert shared.run(answer()) == os.getpid()
