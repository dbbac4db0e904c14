"""A directory is there whole or not at all."""

import errno
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from planner.drafts import draft_of, write_file
from planner.errors import PlannerError


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Files cannot grow beyond `size` bytes: a write then fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_written_is_there_under_its_name(tmp_path: Path) -> None:
    with draft_of(tmp_path / "deep" / "target") as draft:
        write_file(draft / "a", b"1")
        assert not (tmp_path / "deep" / "target").exists()
    assert (tmp_path / "deep" / "target" / "a").read_bytes() == b"1"
    assert [place.name for place in (tmp_path / "deep").iterdir()] == ["target"]


def fail_halfway(target: Path, error: type[BaseException]) -> None:
    with draft_of(target) as draft:
        write_file(draft / "a", b"1")
        raise error


@pytest.mark.parametrize("error", [PlannerError, KeyboardInterrupt])
def test_nothing_is_left_of_what_failed(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        fail_halfway(tmp_path / "target", error)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_names_its_file(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError) as failed,
        draft_of(tmp_path / "target") as draft,
        file_size_limit(4096),
    ):
        write_file(draft / "a", bytes(5000))
    assert (failed.value.errno, failed.value.filename) == (errno.EFBIG, str(draft / "a"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_there_already_is_left_alone(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine").touch()
    with (
        pytest.raises(PlannerError, match="is there already; remove it or name another place"),
        draft_of(target),
    ):
        raise AssertionError
    assert target.exists()
    assert [place.name for place in tmp_path.iterdir()] == ["target"]


def test_an_empty_directory_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with draft_of(tmp_path / "target") as draft:
        write_file(draft / "a", b"1")
    assert (tmp_path / "target" / "a").exists()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".target.draft-killed").mkdir()
    (tmp_path / ".target.draft-killed" / "half").touch()
    with draft_of(tmp_path / "target"):
        pass
    assert list((tmp_path / "target").iterdir()) == []
    assert [place.name for place in tmp_path.iterdir()] == ["target"]


def test_another_process_at_work_on_the_same_target_changes_nothing(tmp_path: Path) -> None:
    with ExitStack() as other:
        with draft_of(tmp_path / "target") as draft:
            write_file(draft / "a", b"1")
            write_file(other.enter_context(draft_of(tmp_path / "target")) / "a", b"2")
            write_file(draft / "b", b"1")
        with pytest.raises(OSError):
            other.close()
    assert {place.name: place.read_bytes() for place in (tmp_path / "target").iterdir()} == {
        "a": b"1",
        "b": b"1",
    }
