"""A running stream reads its sources again when they change, and only then."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bench.stream.sources import SourceWatcher
from bench.submit.backlog import read_backlog, store_backlog
from db.repositories.issues import Issues

Json = dict[str, Any]


class Watched:
    """Files of issues, and a watcher that looks at them at each call."""

    def __init__(self, engine: sa.Engine, directory: Path) -> None:
        self.engine, self.file = engine, directory / "issues.jsonl"
        self.notes: list[str] = []
        self.watcher: SourceWatcher

    def write(self, *records: Json, file: Path | None = None, end: str = "") -> None:
        (file or self.file).write_text("".join(json.dumps(record) + "\n" for record in records) + end)

    def start(self, configured: bool = True) -> None:
        source = str(self.file) if configured else None
        self.watcher = SourceWatcher(self.engine, source, self.notes.append, poll_seconds=0)

    def take(self, file: Path | None = None) -> None:
        store_backlog(self.engine, read_backlog(file or self.file))

    def poll(self) -> list[str]:
        self.notes.clear()
        self.watcher.poll()
        return self.notes

    def titles(self) -> dict[str, str]:
        return {document["id"]: document["title"] for document in Issues(self.engine).all_documents()}


@pytest.fixture
def watched(engine: sa.Engine, tmp_path: Path) -> Watched:
    watched = Watched(engine, tmp_path)
    watched.write({"id": "a"})
    return watched


def test_new_and_changed_issues_come_in_with_one_line_and_a_touched_file_with_none(watched: Watched) -> None:
    watched.start()
    watched.take()
    assert watched.poll() == []
    watched.write({"id": "a", "title": "T"}, {"id": "b"})
    assert watched.poll() == [f"{watched.file}: 1 new, 1 changed, 0 unchanged (b is new; a: title)"]
    os.utime(watched.file, (1, 1))
    assert watched.poll() == []
    watched.write(*({"id": f"n{number}"} for number in range(5)))
    (line,) = watched.poll()
    assert line.endswith("5 new, 0 changed, 0 unchanged (n0 is new; n1 is new; n2 is new; and 2 more)")
    assert watched.titles()["a"] == "T"  # it left the file, and stays


def test_a_change_before_the_first_import_is_not_missed(watched: Watched) -> None:
    watched.start()
    watched.take()
    watched.write({"id": "a", "title": "during the import"})
    assert len(watched.poll()) == 1


def test_a_half_written_file_is_one_warning_and_loses_nothing(watched: Watched) -> None:
    watched.start()
    watched.take()
    watched.write({"id": "b"}, end='{"id": "a", "title": "T"')
    new, *none = [line for line in watched.poll() if "left out" not in line]
    assert (new.split(": ")[1], none) == ("1 new, 0 changed, 0 unchanged (b is new)", [])
    assert watched.titles() == {"a": "", "b": ""}
    watched.write({"id": "b"}, end='{"id": "a", "title": "T" ')
    first = watched.poll()
    assert len(first) <= 1
    watched.write({"id": "b"}, {"id": "a", "title": "T"})
    assert watched.poll() == [f"{watched.file}: 0 new, 1 changed, 1 unchanged (a: title)"]


def test_a_bad_line_is_reported_once_until_the_file_is_sound(watched: Watched) -> None:
    watched.start()
    watched.take()
    warning = (
        f"{watched.file}: 1 line left out, what is stored stays; line 2: a merge marker; resolve the conflict"
    )
    watched.write({"id": "a"}, end="<<<<<<< HEAD\n")
    assert [line.startswith(warning) for line in watched.poll()] == [True]
    watched.write({"id": "a"}, end="<<<<<<< HEAD\n\n")
    assert watched.poll() == []
    watched.write({"id": "a"})
    assert watched.poll() == []
    watched.write({"id": "a"}, end="<<<<<<< HEAD\n")
    assert len(watched.poll()) == 1


def test_a_file_that_is_unreadable_or_away_for_a_while_changes_nothing(watched: Watched) -> None:
    watched.start()
    watched.take()
    watched.file.write_text("")
    assert watched.poll() == []
    watched.file.unlink()
    assert watched.poll() == []
    watched.file.write_text("garbage\n")
    assert [line.split(";")[0] for line in watched.poll()] == [f"{watched.file}: no issue in it"]
    watched.write({"id": "a", "title": "again"})
    assert len(watched.poll()) == 1
    assert watched.titles() == {"a": "again"}


def test_files_of_earlier_imports_are_read_again_with_their_dependencies(
    watched: Watched, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "plan.jsonl"
    other.parent.mkdir()
    watched.write({"id": "x"}, {"id": "y"}, file=other)
    watched.take(other)
    watched.start(configured=False)
    assert watched.poll() == []
    other.with_name("deps.jsonl").write_text('{"from": "x", "to": "y", "type": "blocks"}\n')
    assert watched.poll() == [f"{other}: 0 new, 1 changed, 1 unchanged (y: dependencies)"]
    watched.write({"id": "z"}, file=other)
    assert watched.poll() == [], "a file without any issue that came from it is no backlog any more"
    assert set(watched.titles()) == {"x", "y"}
