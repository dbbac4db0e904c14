"""Difference between what two candidates of a case left behind."""

import difflib
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workers.halt import HaltError
from workers.repository.git import GitError, git
from workers.repository.mirror import ensure_commit


@dataclass(frozen=True)
class NamedPatch:
    """A patch with the name of the workcell that made it."""

    name: str
    patch: bytes


def repositories_with(commit: str, repo: str, mirrors: Path | None, here: Path) -> Iterable[Path]:
    """Repositories of this machine that hold a commit: the farm's mirror, the source itself, the one of `here`."""
    if mirrors is not None and mirrors.is_dir():
        with suppress(HaltError, OSError):
            yield ensure_commit(mirrors, repo, commit)
    for directory in (Path(repo), here):
        if directory.is_dir():
            with suppress(GitError, HaltError):
                git("cat-file", "-e", f"{commit}^{{commit}}", cwd=directory)
                yield directory


def difference_of_files(first: NamedPatch, second: NamedPatch, commit: str, repository: Path) -> bytes:
    """The diff from the files of `first` to those of `second`, both applied to `commit`.

    Nothing is written to the repository. Raises `GitError` where a patch does not apply.
    """
    with tempfile.TemporaryDirectory(prefix="bench-diff-") as name:
        scratch = Path(name)
        (scratch / "objects").mkdir()
        objects = git("rev-parse", "--path-format=absolute", "--git-path", "objects", cwd=repository)
        env = {
            "GIT_OBJECT_DIRECTORY": str(scratch / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects.decode().rstrip("\n"),
        }
        trees = [
            _tree(patch, commit, repository, env, scratch / str(n)) for n, patch in enumerate((first, second))
        ]
        return git("diff", "--binary", "--no-ext-diff", "--no-textconv", *trees, cwd=repository, env=env)


def _tree(patch: NamedPatch, commit: str, repository: Path, env: dict[str, str], index: Path) -> str:
    own = {**env, "GIT_INDEX_FILE": str(index)}
    git("read-tree", commit, cwd=repository, env=own)
    if patch.patch:
        git("apply", "--cached", "--whitespace=nowarn", "-", cwd=repository, env=own, given=patch.patch)
    return git("write-tree", cwd=repository, env=own).decode().strip()


def difference_of_texts(first: NamedPatch, second: NamedPatch) -> bytes:
    """The diff between the texts of two patches."""
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        first.patch.splitlines(keepends=True),
        second.patch.splitlines(keepends=True),
        f"patch of {first.name}".encode(),
        f"patch of {second.name}".encode(),
    )
    return b"".join(lines)


def difference(
    first: NamedPatch, second: NamedPatch, commit: str | None, repositories: Iterable[Path]
) -> tuple[bytes, str]:
    """The difference, and in words what it is of: of the files where a repository has the commit, else of the texts."""
    why = "no repository of this machine has their base commit"
    for repository in repositories if commit is not None else ():
        try:
            diff = difference_of_files(first, second, commit or "", repository)
        except GitError as error:
            why = str(error)
            continue
        return diff, f"from the files of {first.name} to those of {second.name}"
    return difference_of_texts(first, second), f"between the texts of both patches: {why}"
