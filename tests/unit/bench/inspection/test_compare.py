"""The difference of two patches is that of the files they leave, where their base commit is at hand."""

import os
import subprocess
from pathlib import Path

import pytest

from bench.inspection.compare import NamedPatch, difference, repositories_with

BASE = "one\ntwo\nthree\n"


def git(directory: Path, *arguments: str, given: bytes | None = None) -> bytes:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(
        ["git", *who, *arguments], cwd=directory, env=env, input=given, capture_output=True, check=True
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    repository = tmp_path / "repo"
    repository.mkdir()
    (repository / "file").write_text(BASE)
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "base")
    return repository


def patch(repository: Path, text: str | bytes) -> NamedPatch:
    (repository / "file").write_bytes(text if isinstance(text, bytes) else text.encode())
    made = git(repository, "diff", "--binary")
    git(repository, "checkout", "-q", "file")
    return NamedPatch(f"x{len(text)}", made)


@pytest.mark.parametrize("other", ["one\n2\nthree\nfour\n", b"\x00\x01\xff", BASE])
def test_it_turns_the_files_of_one_into_those_of_the_other(repository: Path, other: str | bytes) -> None:
    first, second = patch(repository, "one\n2\nthree\n"), patch(repository, other)
    commit = git(repository, "rev-parse", "HEAD").decode().strip()
    objects = sorted((repository / ".git").rglob("*"))
    diff, what = difference(
        first, second, commit, repositories_with(commit, str(repository), None, Path("/"))
    )
    assert what == f"from the files of {first.name} to those of {second.name}"
    assert sorted((repository / ".git").rglob("*")) == objects, "nothing was written"
    git(repository, "apply", given=first.patch)
    git(repository, "apply", given=diff)
    expected = other if isinstance(other, bytes) else other.encode()
    assert (repository / "file").read_bytes() == expected


def test_without_the_commit_it_is_that_of_the_texts(repository: Path, tmp_path: Path) -> None:
    first, second = patch(repository, "one\n2\nthree\n"), patch(repository, "one\n3\nthree\n")
    commit = "0" * 40
    assert list(repositories_with(commit, str(repository), None, repository)) == []
    diff, what = difference(first, second, commit, [])
    assert what.startswith("between the texts of both patches")
    assert b"-+2\n" in diff
    assert b"++3\n" in diff
