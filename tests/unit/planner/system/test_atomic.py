"""Atomic writes: the old content or the new one, and no draft left."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from planner.errors import PlannerError
from planner.system.atomic import atomic_directory, atomic_path, remove_drafts, write_all_atomic, write_atomic


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Files cannot grow beyond `size` bytes: a write then fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_replaced(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "first")
    write_atomic(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"second"
    assert names(tmp_path) == ["a"]


def test_a_file_gets_the_mode_that_the_umask_leaves_or_the_one_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "plain", "")
        write_atomic(tmp_path / "secret", "", mode=0o600)
        write_atomic(tmp_path / "open", "", mode=0o666)
        with atomic_directory(tmp_path / "directory"):
            pass
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"plain": 0o640, "secret": 0o600, "open": 0o666, "directory": 0o750}


def test_the_first_of_two_writers_wins_without_replace(tmp_path: Path) -> None:
    write_atomic(tmp_path / "token", "first", replace=False, durable=True)
    with pytest.raises(FileExistsError) as refused:
        write_atomic(tmp_path / "token", "second", replace=False)
    assert refused.value.filename == str(tmp_path / "token")
    assert (tmp_path / "token").read_text() == "first"
    assert names(tmp_path) == ["token"]


def test_a_write_that_fails_leaves_the_old_file_and_names_it(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "old")
    with file_size_limit(4096), pytest.raises(OSError) as failed:
        write_atomic(tmp_path / "a", bytes(5000))
    assert (failed.value.errno, failed.value.filename) == (errno.EFBIG, str(tmp_path / "a"))
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_missing_directory_is_told_by_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as failed:
        write_atomic(tmp_path / "missing" / "a", "")
    assert failed.value.filename == str(tmp_path / "missing" / "a")


def test_of_several_files_none_is_replaced_where_one_cannot_be_written(tmp_path: Path) -> None:
    write_all_atomic({tmp_path / "a": "old", tmp_path / "b": b"old"})
    with file_size_limit(4096), pytest.raises(OSError) as failed:
        write_all_atomic({tmp_path / "a": "new", tmp_path / "b": bytes(5000)})
    assert failed.value.filename == str(tmp_path / "b")
    assert [(tmp_path / name).read_text() for name in ("a", "b")] == ["old", "old"]
    assert names(tmp_path) == ["a", "b"]


def test_a_link_is_replaced_and_never_written_through(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("other's")
    (tmp_path / "a").symlink_to(tmp_path / "other")
    write_atomic(tmp_path / "a", "mine")
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "other").read_text() == "other's"


def fail_in_a_file(path: Path, error: type[BaseException]) -> None:
    with atomic_path(path) as draft:
        draft.write_text("half")
        raise error


def fail_in_a_directory(target: Path, error: type[BaseException]) -> None:
    with atomic_directory(target) as draft:
        (draft / "a").write_bytes(b"1")
        raise error


@pytest.mark.parametrize("error", [PlannerError, KeyboardInterrupt])
@pytest.mark.parametrize("fail", [fail_in_a_file, fail_in_a_directory])
def test_no_draft_is_left_where_the_block_raises(tmp_path: Path, fail, error: type[BaseException]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error):
        fail(tmp_path / "target", error)
    assert names(tmp_path) == []


def test_a_directory_appears_with_all_its_files(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / "deep" / "target") as draft:
        (draft / "a").write_bytes(b"1")
        assert not (tmp_path / "deep" / "target").exists()
    assert (tmp_path / "deep" / "target" / "a").read_bytes() == b"1"
    assert names(tmp_path / "deep") == ["target"]


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_target_that_exists_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine").touch()
    with pytest.raises(FileExistsError, match="exists already; remove it or name another directory"):  # noqa: SIM117
        with atomic_directory(target):
            raise AssertionError
    assert target.exists()
    assert names(tmp_path) == ["target"]


def test_an_empty_directory_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with atomic_directory(tmp_path / "target") as draft:
        (draft / "a").touch()
    assert names(tmp_path / "target") == ["a"]


def test_drafts_of_killed_writers_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".target.draft-killed").mkdir()
    (tmp_path / ".target.draft-killed" / "half").touch()
    (tmp_path / ".target.draft-file").touch()
    (tmp_path / ".other.draft-living").touch()
    with atomic_directory(tmp_path / "target"):
        pass
    assert names(tmp_path) == [".other.draft-living", "target"]
    remove_drafts(tmp_path / "other")
    assert names(tmp_path) == ["target"]


def test_a_second_writer_of_the_same_directory_fails_and_changes_nothing(tmp_path: Path) -> None:
    with ExitStack() as other:
        with atomic_directory(tmp_path / "target") as draft:
            (draft / "a").write_bytes(b"1")
            (other.enter_context(atomic_directory(tmp_path / "target")) / "a").write_bytes(b"2")
            (draft / "b").write_bytes(b"1")
        with pytest.raises(OSError):
            other.close()
    assert {path.name: path.read_bytes() for path in (tmp_path / "target").iterdir()} == {
        "a": b"1",
        "b": b"1",
    }
