"""Submodules and Git LFS contents that the config adds to a check-out.

Both are added as plain files, by a commit of ours on top of the base. Files that a candidate does not change are
therefore no part of its patch, and no filter or nested repository can make Git run a program.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from workers.addresses import without_credentials
from workers.control import Control
from workers.halt import HaltError
from workers.repository.git import git
from workers.repository.lfs import LfsRemote, fetch_objects, verify
from workers.repository.pointers import Pointer, entries, pointers
from workers.repository.submodules import Submodule, drop_entries, fetch_commit, find_submodules
from workers.spec import Workcell

_AUTHOR = {
    **{f"GIT_{who}_NAME": "bench" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "bench@localhost" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_DATE": "2000-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")},
}
_MEGABYTE = 1_000_000
_NAMED = 3


@dataclass(frozen=True)
class Content:
    """One pointer file, and the file with its contents."""

    pointer: Pointer
    file: Path


@dataclass(frozen=True)
class Additions:
    """Submodules and contents that are on this machine."""

    submodules: tuple[Submodule, ...] = ()
    contents: tuple[Content, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.submodules or self.contents)


NO_ADDITIONS = Additions()


def fetch_additions(
    workcell: Workcell, mirror: Path, mirrors_dir: Path, control: Control | None = None
) -> Additions:
    """Fetch the submodules and contents that the workcell asks for. Raises `HaltError` where one is not available."""
    repo, commit, asked = workcell.repo, workcell.base, workcell.git
    submodules: tuple[Submodule, ...] = ()
    if asked.submodules:
        submodules = tuple(find_submodules(mirror, repo, commit, mirrors_dir, control))
    if not asked.lfs:
        return Additions(submodules)
    remotes = [("", LfsRemote(repo, commit, mirror))]
    remotes += [(f"{each.path}/", LfsRemote(each.repo, each.commit, each.mirror)) for each in submodules]
    wanted = [(path, remote, _pointers_of(remote)) for path, remote in remotes]
    _check_size(repo, [pointer for *_, lfs_pointers in wanted for pointer in lfs_pointers], asked.max_lfs_mb)
    contents = []
    for path, remote, lfs_pointers in wanted:
        files = fetch_objects(remote, lfs_pointers, mirrors_dir, control)
        contents += [Content(replace(each, path=path + each.path), files[each.oid]) for each in lfs_pointers]
    return Additions(submodules, tuple(contents))


def _pointers_of(remote: LfsRemote) -> list[Pointer]:
    return pointers(remote.mirror, remote.commit, entries(remote.mirror, remote.commit))


def _check_size(repo: str, wanted: list[Pointer], most: int) -> None:
    size = sum(each.size for each in wanted)
    if size > most * _MEGABYTE:
        largest = sorted(wanted, key=lambda each: -each.size)[:_NAMED]
        raise HaltError(
            "invalid_issue",
            f"repository {without_credentials(repo)}: the Git LFS files of the base commit amount to "
            f"{-(-size // _MEGABYTE)} MB, most of it in {', '.join(f'{each.path!r:.60}' for each in largest)}; "
            f"raise workcell.git.max_lfs_mb, which is {most}",
        )


def embed(repository: Path, additions: Additions) -> str:
    """Write a commit on HEAD whose tree has the additions at their paths; returns its id."""
    env = {"GIT_DIR": str(repository), "GIT_INDEX_FILE": str(repository / "embed.index"), **_AUTHOR}
    git("read-tree", "HEAD", cwd=repository, env=env)
    for each in additions.submodules:
        fetch_commit(each.mirror, each.commit, repository)
        drop_entries([(each.path, each.commit)], repository, env)
        git("read-tree", f"--prefix={each.path}/", each.commit, cwd=repository, env=env)
    given = b"".join(_index_info(repository, additions.contents))
    git("update-index", "-z", "--index-info", cwd=repository, env=env, given=given)
    tree = git("write-tree", cwd=repository, env=env).decode().strip()
    (repository / "embed.index").unlink()
    words = b"The base commit with its submodules and Git LFS contents as files\n"
    return git("commit-tree", tree, "-p", "HEAD", cwd=repository, env=env, given=words).decode().strip()


def _index_info(repository: Path, contents: tuple[Content, ...]) -> Iterator[bytes]:
    if not contents:
        return
    for each in contents:
        verify(each.file, each.pointer)
    # Most contents are compressed already: compressing them again costs more than the space.
    command = ["-c", "core.compression=0", "hash-object", "-w", "--no-filters", "--stdin-paths"]
    files = "".join(f"{each.file.absolute()}\n" for each in contents).encode()
    names = git(*command, cwd=repository, given=files).decode("ascii").split()
    for each, name in zip(contents, names, strict=True):
        yield f"{each.pointer.mode} {name}\t".encode() + os.fsencode(each.pointer.path) + b"\0"
