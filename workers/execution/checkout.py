"""A fresh repository per candidate, at exactly one commit, that knows no remote, no sibling and no past.

Every file is checked out byte for byte as it is committed: no line-end conversion, filter or LFS object.
"""

import shutil
from pathlib import Path

from workers.execution.git import GitError, git
from workers.execution.halt import HaltError

_ATTRIBUTES = "* -text !eol -ident !filter !working-tree-encoding\n"
_EXCLUDE = "__pycache__/\n*.py[cod]\n.pytest_cache/\n.bench-*\n"
"""Compiled Python never is part of a patch: it could stand in for a source file that gates read."""


def fetch_pristine(mirror: Path, commit: str, place: Path) -> Path:
    """A repository at `place` that holds `commit` alone, HEAD detached on it; returns its Git directory."""
    repository = place / ".git"
    try:
        git("init", "-q", "--template=", str(place))
        _write_info(repository)
        fetch = ["fetch", "-q", "--depth=1", "--no-tags", "--no-write-fetch-head"]
        git(*fetch, "--", str(mirror), commit, cwd=place)
    except GitError as error:
        raise HaltError("infra", f"check-out of {commit[:12]} failed: {error}") from None
    (repository / "HEAD").write_text(f"{commit}\n", encoding="ascii")
    return repository


def check_out(pristine: Path, place: Path, index: Path) -> None:
    """A copy of the pristine repository at `place`, with its files; keeps a trusted index at `index`."""
    shutil.copytree(pristine, place / ".git", symlinks=True)
    try:
        git("read-tree", "--reset", "-u", "HEAD", cwd=place)
    except GitError as error:
        raise HaltError("infra", f"check-out failed: {error}") from None
    shutil.copy2(place / ".git" / "index", index)


def materialize(pristine: Path, index: Path, place: Path) -> None:
    """The files of a trusted index at `place`, beside a copy of the pristine repository."""
    place.mkdir(parents=True)
    shutil.copytree(pristine, place / ".git", symlinks=True)
    shutil.copy2(index, place / ".git" / "index")
    git("checkout-index", "--all", "--force", cwd=place)


def _write_info(repository: Path) -> None:
    info = repository / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(_ATTRIBUTES, encoding="ascii")
    (info / "exclude").write_text(_EXCLUDE, encoding="ascii")
