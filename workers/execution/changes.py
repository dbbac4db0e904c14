"""A candidate's file changes: parsed from Git's listing, checked, and split by protected paths. Pure."""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pathspec

from workers.gates import configuration
from workers.patterns import spec_of

LINK = "120000"
_FILE_MODES = ("100644", "100755", LINK)
ABSENT = "000000"


@dataclass(frozen=True)
class FileChange:
    """One line of `git diff --raw`."""

    old_mode: str
    new_mode: str
    old_id: str
    new_id: str
    path: str

    @property
    def is_new(self) -> bool:
        return self.old_mode == ABSENT

    @property
    def is_removal(self) -> bool:
        return self.new_mode == ABSENT


@dataclass(frozen=True)
class Choice:
    """The changes that gates see, and those that are left out."""

    kept: tuple[FileChange, ...]
    protected: tuple[FileChange, ...]
    """Left as they are in the base commit."""


def parse_raw(output: bytes) -> list[FileChange]:
    """The changes in `git diff --raw -z` output. Raises `ValueError` where it is none."""
    parts = output.split(b"\0")
    changes = []
    for head, path in zip(parts[0::2], parts[1::2], strict=False):
        old_mode, new_mode, old_id, new_id, _ = head.decode("ascii").removeprefix(":").split(" ")
        changes.append(FileChange(old_mode, new_mode, old_id, new_id, os.fsdecode(path)))
    return changes


def is_sound(change: FileChange) -> bool:
    """Whether a change names a plain file or link at a place inside the check-out, outside of `.git`."""
    parts = change.path.split("/")
    inside = all(part not in ("", ".", "..") and part.lower() != ".git" for part in parts)
    return inside and change.new_mode in (*_FILE_MODES, ABSENT)


def choose(changes: Sequence[FileChange], patterns: Sequence[str], base_names: Collection[str]) -> Choice:
    """Split changes into those kept and those to protected paths.

    `patterns`: as in .gitignore, a later one that begins with `!` allows what an earlier one protects.
    `base_names`: every file and directory of the base commit. A change that would replace a protected path, as a file
    where it needs a directory or the reverse, is protected too.
    """
    spec = spec_of(patterns)
    protected = [change for change in changes if _is_protected(change, spec, base_names)]
    back = {change.path for change in protected if not change.is_new}
    needed = {str(parent) for path in back for parent in PurePosixPath(path).parents}
    kept = []
    for change in changes:
        if change in protected:
            continue
        in_the_way = change.path in needed or not back.isdisjoint(
            map(str, PurePosixPath(change.path).parents)
        )
        if in_the_way and not change.is_removal:
            protected.append(change)
        else:
            kept.append(change)
    return Choice(tuple(kept), tuple(protected))


def _is_protected(change: FileChange, spec: "pathspec.PathSpec[Any]", base_names: Collection[str]) -> bool:
    if spec.match_file(change.path):
        return True
    takes_a_place = change.is_new and spec.match_file(f"{change.path}/x")
    return takes_a_place or (change.is_new and configuration.is_planted(change.path, base_names))


def names_of(paths: Iterable[str]) -> set[str]:
    """The paths and every directory above them."""
    return {*paths, *(str(parent) for path in paths for parent in PurePosixPath(path).parents)}


def index_info(changes: Iterable[FileChange]) -> bytes:
    """Input of `git update-index -z --index-info` that makes the changes to an index of the base commit."""
    # Removals first: an entry that is a file cannot make room for a directory of the same name.
    ordered = sorted(changes, key=lambda change: not change.is_removal)
    return b"".join(_entry(change) + os.fsencode(change.path) + b"\0" for change in ordered)


def _entry(change: FileChange) -> bytes:
    # The id of a removal is all zeros, as long as the repository's ids.
    return (f"{'0' if change.is_removal else change.new_mode} {change.new_id}\t").encode()


def count_lines(patch: bytes) -> int:
    """Lines added and removed; a binary file counts as one."""
    count, in_hunk = 0, False
    for line in patch.splitlines():
        if line.startswith(b"diff --git "):
            in_hunk = False
        elif line.startswith(b"@@ "):
            in_hunk = True
        elif line == b"GIT binary patch" or (in_hunk and line[:1] in (b"+", b"-")):
            count += 1
    return count
