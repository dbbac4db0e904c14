"""Uncommitted changes are counted as `git status` counts them, and the repository's own configuration runs nothing."""

from pathlib import Path

import pytest

from tests.fixtures.executions import git
from workers.repository.uncommitted import uncommitted_files


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "r"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    for name in ("kept.py", "gone.py", "staged.py"):
        (path / name).write_text("1\n")
    (path / ".gitignore").write_text("*.log\n")
    git(path, "add", "-A")
    git(path, "commit", "-qm", "base")
    return path


def test_a_clean_repository_has_none(repository: Path) -> None:
    (repository / "a.log").write_text("ignored")
    (repository / ".git" / "info" / "exclude").write_text("*.own\n")
    (repository / "b.own").write_text("ignored here alone")
    assert uncommitted_files(str(repository)) == 0
    assert uncommitted_files(f"file://{repository}") == 0


def test_changed_deleted_staged_and_new_files_count_once_each(repository: Path) -> None:
    (repository / "kept.py").write_text("2\n")
    (repository / "gone.py").unlink()
    (repository / "staged.py").write_text("3\n")
    git(repository, "add", "staged.py")
    (repository / "staged.py").write_text("4\n")
    (repository / "new").mkdir()
    (repository / "new" / "a.py").write_text("")
    (repository / "new" / "b.py").write_text("")
    assert uncommitted_files(str(repository)) == 5
    before = (repository / ".git" / "index").read_bytes()
    assert uncommitted_files(str(repository)) == 5
    assert (repository / ".git" / "index").read_bytes() == before


def test_no_program_that_the_repository_names_runs(repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    git(repository, "config", "filter.f.clean", str(program))
    (repository / ".git" / "info" / "attributes").write_text("*.py filter=f\n")
    (repository / "kept.py").write_text("2\n")
    assert uncommitted_files(str(repository)) == 1
    assert not mark.exists()


def test_a_worktree_is_counted_by_its_own_files(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "w"), "-b", "other")
    (tmp_path / "w" / "kept.py").write_text("2\n")
    assert (uncommitted_files(str(tmp_path / "w")), uncommitted_files(str(repository))) == (1, 0)


def test_what_has_no_working_tree_has_none(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    assert uncommitted_files(str(tmp_path / "bare.git")) == 0
    assert uncommitted_files(str(tmp_path / "missing")) == 0
    assert uncommitted_files("https://git.example/x.git") == 0
