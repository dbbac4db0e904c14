"""Background event loop: one daemon thread with an asyncio loop, shared by the servers of this process."""

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_CLOSE_SECONDS = 5.0


class BackgroundLoop:
    """An asyncio event loop in a daemon thread, started by the constructor; `close` is idempotent."""

    def __init__(self, name: str = "gateway") -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _Result], timeout: float | None = None) -> _Result:
        """Run a coroutine in the loop and return its result; the calling thread waits.

        Raises what the coroutine raises, and `TimeoutError` after `timeout` seconds, when it is cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel every task, stop the loop and wait for the thread, for at most five seconds."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(_CLOSE_SECONDS)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


_shared: dict[int, BackgroundLoop] = {}
_lock = threading.Lock()


def background_loop() -> BackgroundLoop:
    """The loop that all of this process share, started on the first call and closed at exit.

    A forked child gets one of its own: threads do not survive a fork.
    """
    with _lock:
        process = os.getpid()
        if process not in _shared:
            _shared.clear()
            _shared[process] = BackgroundLoop()
            atexit.register(_shared[process].close)
        return _shared[process]


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
