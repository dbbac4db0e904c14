"""Polling of the files that issues came from: a changed file is imported again while a stream runs."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import Final

import sqlalchemy as sa

from bench.intake.beads import ImportReport
from bench.intake.deps_file import NAME as DEPS_NAME
from bench.intake.errors import IntakeError
from bench.submit.backlog import Stored, read_backlog, store_backlog
from db.repositories.issues import Issues
from planner.system.foreign_text import visible_line
from planner.system.regular_files import open_regular

POLL_SECONDS: Final = 1.0
_LIST_SECONDS: Final = 10.0
# A file that was written just now may be written again within one tick of its clock.
_UNSETTLED_SECONDS: Final = 2.0
_SHOWN: Final = 3
_Stat = tuple[int, int, int]


@dataclass
class _Seen:
    stat: tuple[_Stat | None, ...]
    digest: str
    settled: bool


class SourceWatcher:
    """Imports the sources of a stream when their content changes. Issues that left a file stay as they are."""

    def __init__(
        self,
        engine: sa.Engine,
        configured: str | None,
        note: Callable[[str], None],
        *,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Create it before the configured source is imported, so that no later change is missed.

        Imported files are compared with their content from now on. `note` prints one line.
        """
        self._engine, self._issues, self._note = engine, Issues(engine), note
        self._configured = None if configured is None else str(Path(configured).resolve())
        self._seen: dict[str, _Seen] = {}
        self._noted: dict[str, str] = {}
        self._poll_seconds = poll_seconds
        self._next_poll = self._next_list = 0.0
        self._list_sources()

    def poll(self) -> None:
        """Import each file that was changed since the last call; cheap where none was."""
        now = monotonic()
        if now < self._next_poll:
            return
        self._next_poll = now + self._poll_seconds
        if now >= self._next_list:
            self._list_sources()
        for source in list(self._seen):
            if self._is_changed(source):
                self._import(source)

    def _list_sources(self) -> None:
        self._next_list = monotonic() + _LIST_SECONDS
        configured = [] if self._configured is None else [self._configured]
        for source in [*configured, *self._issues.ids_by_source()]:
            if source not in self._seen and (source == self._configured or Path(source).is_file()):
                self._seen[source] = _look(Path(source))

    def _is_changed(self, source: str) -> bool:
        seen, stat = self._seen[source], _stats(Path(source))
        if stat == seen.stat and seen.settled:
            return False
        now = self._seen[source] = _look(Path(source))
        return now.digest != seen.digest and now.stat[0] is not None

    def _import(self, source: str) -> None:
        try:
            report = read_backlog(Path(source))
            if not self._is_ours(source, report):
                return
            stored = store_backlog(self._engine, report)
        except IntakeError as error:
            self._warn(source, str(error))
            return
        if report.bad_lines:
            number, reason = report.bad_lines[0]
            lines = "1 line" if len(report.bad_lines) == 1 else f"{len(report.bad_lines)} lines"
            self._warn(source, f"{source}: {lines} left out, what is stored stays; line {number}: {reason}")
        else:
            self._noted.pop(source, None)
        if stored.new or stored.changed:
            self._note(visible_line(f"{source}: {_words(stored)}"))

    def _is_ours(self, source: str, report: ImportReport) -> bool:
        """Whether the file is still a backlog in the format that it was imported in."""
        if source == self._configured:
            return True
        known = self._issues.ids_by_source().get(source, set())
        return any(issue.id in known for issue in report.issues)

    def _warn(self, source: str, text: str) -> None:
        if self._noted.get(source) != text:
            self._noted[source] = text
            self._note(visible_line(text))


def _words(stored: Stored) -> str:
    names = [*(f"{issue_id} is new" for issue_id in stored.new), *(c.words() for c in stored.changed)]
    more = f"; and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{stored.words()} ({'; '.join(names[:_SHOWN])}{more})"


def _files(source: Path) -> tuple[Path, Path]:
    return source, source.with_name(DEPS_NAME)


def _stats(source: Path) -> tuple[_Stat | None, ...]:
    return tuple(_stat(path) for path in _files(source))


def _stat(path: Path) -> _Stat | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _look(source: Path) -> _Seen:
    stats = _stats(source)
    digest = hashlib.sha256()
    for path in _files(source):
        try:
            with open_regular(path) as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            digest.update(b"-")
    newest = max((stat[2] / 1e9 for stat in stats if stat is not None), default=0.0)
    return _Seen(stats, digest.hexdigest(), time() - newest > _UNSETTLED_SECONDS)
