"""A fresh repository per candidate, at exactly one commit, without remotes, other branches or history.

Every file is checked out byte for byte as it is committed, without line-end conversion or filter; submodules and Git
LFS contents are there as plain files where the config asks for them.
"""

import shutil
from pathlib import Path

from workers.halt import HaltError
from workers.repository.additions import NO_ADDITIONS, Additions, embed
from workers.repository.git import GitError, git
from workers.repository.hidden_files import HiddenFiles, overlay
from workers.repository.mirror import object_format
from workers.repository.submodules import drop_entries, fetch_commit, gitlinks
from workers.workcell import WorkcellDirectories

_ATTRIBUTES = "* -text !eol -ident !filter !working-tree-encoding\n"
COMPILED = "__pycache__/\n*.py[cod]\n.pytest_cache/\n.bench-*\n"
"""Compiled Python is never part of a patch: it could replace a source file that gates import."""


def fetch_pristine(mirror: Path, commit: str, directory: Path, additions: Additions = NO_ADDITIONS) -> Path:
    """A repository at `directory` that holds `commit` alone, HEAD detached on it; returns its Git directory.

    With additions HEAD is a commit of ours on top, whose tree holds their files, too. Raises `HaltError`.
    """
    repository = directory / ".git"
    try:
        git("init", "-q", "--template=", f"--object-format={object_format(commit)}", str(directory))
        _write_info(repository)
        fetch_commit(mirror, commit, directory)
        (repository / "HEAD").write_text(f"{commit}\n", encoding="ascii")
        if additions:
            (repository / "HEAD").write_text(f"{embed(repository, additions)}\n", encoding="ascii")
    except GitError as error:
        raise HaltError("infra", f"check-out of {commit[:12]} failed: {error}") from None
    return repository


def check_out(pristine: Path, cell: WorkcellDirectories) -> None:
    """Copy the pristine repository and its files to the workcell's check-out, and keep its index as trusted."""
    shutil.copytree(pristine, cell.checkout / ".git", symlinks=True)
    try:
        git("read-tree", "--reset", "-u", "HEAD", cwd=cell.checkout)
        shutil.copy2(cell.checkout / ".git" / "index", cell.base_index)
        cell.base_tree.write_text(_without_gitlinks(pristine, cell.base_index), encoding="ascii")
    except GitError as error:
        raise HaltError("infra", f"check-out failed: {error}") from None


def _without_gitlinks(pristine: Path, index: Path) -> str:
    """Drop submodules from an index, and return its tree's id, or HEAD where there are none.

    Git would read a repository that a candidate puts at a submodule's path, with the configuration in it.
    """
    env = {"GIT_DIR": str(pristine), "GIT_INDEX_FILE": str(index)}
    links = gitlinks(git("ls-tree", "-r", "-z", "HEAD", cwd=pristine, env=env))
    if not links:
        return "HEAD"
    drop_entries(links, pristine, env)
    return git("write-tree", cwd=pristine, env=env).decode().strip()


def materialize(pristine: Path, index: Path, directory: Path, hidden: HiddenFiles | None = None) -> None:
    """Write the files of a trusted index to `directory`, with a copy of the pristine repository.

    Hidden files are written over them; they exist in `directory` and its repository alone.
    """
    directory.mkdir(parents=True)
    shutil.copytree(pristine, directory / ".git", symlinks=True)
    shutil.copy2(index, directory / ".git" / "index")
    if hidden is not None:
        overlay(directory, hidden)
    git("checkout-index", "--all", "--force", cwd=directory)


def _write_info(repository: Path) -> None:
    info = repository / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(_ATTRIBUTES, encoding="ascii")
    (info / "exclude").write_text(COMPILED, encoding="ascii")
