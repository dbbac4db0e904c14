"""Server-sent events: one watcher for each subject that somebody looks at, which compares its state once a second."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from bench.ui.report_cache import ReportCache
from db.repositories.live_output import LiveOutputs
from db.repositories.page_changes import fingerprint

_PERIOD_SECONDS = 1.0
_BEATS_OF_OUTPUT = 10
_WANTED_SECONDS = 30.0


@dataclass
class _WatchedSubject:
    """A subject with its watcher; `changed` is replaced at each change, so that a waiter misses none."""

    state: str = ""
    viewers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None


class LiveChanges:
    """Changes of subjects. One query a second for each subject, however many browsers show it."""

    def __init__(self, engine: sa.Engine, reports: ReportCache) -> None:
        self._engine, self._reports = engine, reports
        self._subjects: dict[tuple[str, str], _WatchedSubject] = {}

    async def states(self, topic: str, key: str) -> AsyncIterator[str]:
        """The state of a subject now, and again after each change, until the caller stops."""
        subject = self._subjects.setdefault((topic, key), _WatchedSubject())
        subject.viewers += 1
        try:
            if subject.task is None:
                subject.state = await self._read(topic, key)
                subject.task = subject.task or asyncio.create_task(self._watch(topic, key, subject))
            while True:
                changed = subject.changed
                yield subject.state
                await changed.wait()
        finally:
            subject.viewers -= 1
            if subject.viewers == 0:
                self._subjects.pop((topic, key), None)
                if subject.task is not None:
                    subject.task.cancel()

    async def _watch(self, topic: str, key: str, subject: _WatchedSubject) -> None:
        for beat in itertools.count():
            if topic == "execution" and beat % _BEATS_OF_OUTPUT == 0:
                # Workers send output only while somebody wants it.
                with suppress(SQLAlchemyError):
                    await run_in_threadpool(LiveOutputs(self._engine).follow, int(key), _WANTED_SECONDS)
            await asyncio.sleep(_PERIOD_SECONDS)
            # A database that restarts is asked again.
            with suppress(SQLAlchemyError):
                state = await self._read(topic, key)
                if state != subject.state:
                    subject.state = state
                    before, subject.changed = subject.changed, asyncio.Event()
                    before.set()

    async def _read(self, topic: str, key: str) -> str:
        state = await run_in_threadpool(fingerprint, self._engine, topic, key)
        return f"{state} {self._reports.version(key)}" if topic == "bench" else state
