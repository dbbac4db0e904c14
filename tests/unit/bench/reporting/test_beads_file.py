"""A Beads file is replaced whole, keeps its mode and owner, and never loses what another program wrote to it."""

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from bench.reporting.beads_file import BeadsFile, is_beads_file_of
from bench.reporting.errors import ChangedFileError, NoTargetError, ReportError
from bench.reporting.target import WriteStep
from tests.fixtures.run_results import run_result

OPEN = '{"id":"a","title":"t","status":"open"}\n{"id":"b"}'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / ".beads" / "issues.jsonl"
    path.parent.mkdir()
    path.write_text(OPEN)
    return path


def prepared(path: Path, issue_id: str = "a") -> WriteStep:
    step = BeadsFile(path, {"id": issue_id, "dependencies": [1]}).prepare(run_result(issue_id))
    assert step is not None
    return step


def test_preparing_writes_nothing_and_shows_exactly_what_is_written(file: Path) -> None:
    step = prepared(file)
    assert file.read_text() == OPEN
    assert (step.document["status"], step.document["dependencies"]) == ("done", [1])
    step.apply()
    minus, plus = step.preview[-2:]
    assert step.preview[:3] == (f"--- {file}", f"+++ {file}", "@@ -1 +1 @@")
    assert file.read_text().splitlines() == [plus.removeprefix("+"), '{"id":"b"}']
    assert minus == "-" + OPEN.splitlines()[0]
    assert BeadsFile(file, {}).prepare(run_result()) is None


def test_mode_and_owner_stay_and_no_draft_is_left(file: Path) -> None:
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 4321)
    before = file.stat()
    prepared(file).apply()
    after = file.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino
    assert list(file.parent.iterdir()) == [file]


def test_through_a_link_the_file_behind_it_is_edited(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.jsonl"
    link.symlink_to(file)
    prepared(link).apply()
    assert link.is_symlink()
    assert '"done"' in file.read_text()


def test_a_file_that_changed_after_it_was_read_is_not_replaced(file: Path) -> None:
    step = prepared(file)
    changed = OPEN.replace('"t"', '"T"')  # of the same size
    file.write_text(changed)
    with pytest.raises(ChangedFileError, match=r"issues\.jsonl: changed while a result was written"):
        step.apply()
    assert (file.read_text(), list(file.parent.iterdir())) == (changed, [file])
    prepared(file).apply()
    assert '"T"' in file.read_text()


def test_a_write_waits_for_the_lock_of_another(file: Path) -> None:
    handle = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    step = prepared(file)
    writer = threading.Thread(target=step.apply)
    writer.start()
    writer.join(0.2)
    assert writer.is_alive()
    assert file.read_text() == OPEN
    os.close(handle)
    writer.join(10)
    assert '"done"' in file.read_text()


def test_two_writers_of_one_file_both_get_their_result_in(file: Path) -> None:
    first, second = prepared(file, "a"), prepared(file, "b")
    first.apply()
    with pytest.raises(ChangedFileError):
        second.apply()
    prepared(file, "b").apply()
    assert [is_closed.count('"done"') for is_closed in file.read_text().splitlines()] == [1, 1]


def test_what_cannot_be_read_or_lacks_the_issue_is_named(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"none\.jsonl: No such file"):
        prepared(tmp_path / "none.jsonl")
    with pytest.raises(ReportError, match=r"\.beads: a directory and no regular file"):
        prepared(file.parent)
    with pytest.raises(NoTargetError, match=r"issues\.jsonl: no line is of issue x"):
        prepared(file, "x")
    assert [is_beads_file_of(path, "a") for path in (file, file.parent, tmp_path / "none")] == [
        True,
        False,
        False,
    ]
