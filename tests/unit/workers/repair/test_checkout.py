"""The checkout: what may be edited, writing in one step, undoing what candidates did."""

from pathlib import Path

import pytest

from workers.repair.checkout import Snapshot, editable_files, is_test, write_whole


@pytest.mark.parametrize(
    "path", ["tests/helpers.py", "test_a.py", "pkg/a_test.py", "conftest.py", "pkg/test/a.py"]
)
def test_tests_are_never_edited(path: str) -> None:
    assert is_test(path)


def test_editable_files_are_the_sources(tmp_path: Path) -> None:
    for path in (
        "pkg/a.py",
        "pkg/locked.py",
        "tests/test_a.py",
        ".git/x.py",
        "pkg/__pycache__/a.py",
        "note.md",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert editable_files(tmp_path, ["pkg/locked.py"]) == ["pkg/a.py"]
    assert editable_files(tmp_path, ["/pkg/*", "!pkg/locked.py"]) == ["pkg/locked.py"], "as in .gitignore"


def test_writing_keeps_the_mode_and_leaves_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"old")
    file.chmod(0o751)
    write_whole(file, b"new\r\n")
    assert file.read_bytes() == b"new\r\n"
    assert file.stat().st_mode & 0o777 == 0o751
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]


def test_restore_undoes_what_candidates_wrote_changed_and_deleted(tmp_path: Path) -> None:
    for name in ("kept", "changed", "sub/deleted"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    snapshot = Snapshot(tmp_path)
    (tmp_path / "changed").write_text("by a candidate")
    (tmp_path / "sub/deleted").unlink()
    (tmp_path / "sub").rmdir()
    (tmp_path / "junk").write_text("left behind")
    snapshot.restore()
    paths = {
        path.relative_to(tmp_path).as_posix(): path.read_text()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert paths == {"kept": "kept", "changed": "changed", "sub/deleted": "sub/deleted"}
