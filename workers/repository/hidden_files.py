"""Overlay of hidden files on a check-out: what a diff makes of the base commit, whatever the index has at its paths.

Only indexes and objects are read and written, never files of the check-out.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workers.repository.git import GitError, git

_PLAIN_FILES: Final = ("100644", "100755")
_OVERLAY_INDEX: Final = "bench-hidden.index"


@dataclass(frozen=True)
class HiddenFiles:
    """A diff to the base commit, with the trusted index of that."""

    base_index: Path
    diff: str


def overlay(checkout: Path, hidden: HiddenFiles) -> None:
    """Give the index of a check-out the hidden files; objects are added to its own repository.

    Raises `GitError` where the diff does not apply to the base commit, or makes anything but plain files.
    """
    scratch = checkout / ".git" / _OVERLAY_INDEX
    env = {"GIT_INDEX_FILE": str(scratch)}
    try:
        scratch.write_bytes(hidden.base_index.read_bytes())
        before = _entries(checkout, env)
        diff = hidden.diff if hidden.diff.endswith("\n") else hidden.diff + "\n"
        try:
            git("apply", "--cached", "--whitespace=nowarn", cwd=checkout, env=env, given=diff.encode())
        except GitError as error:
            raise GitError(f"its test_patch does not apply to the base commit: {error}") from None
        after = _entries(checkout, env)
    finally:
        scratch.unlink(missing_ok=True)
    removed = [path for path in before if path not in after]
    changed = {path: entry for path, entry in after.items() if before.get(path) != entry}
    for path, entry in changed.items():
        if entry.split(b" ")[0].decode() not in _PLAIN_FILES:
            raise GitError(f"its test_patch makes {os.fsdecode(path)!r:.80} something else than a plain file")
    # `--replace`: a file of the candidate makes room for a directory of hidden files, and the reverse.
    lines = [b"0 " + b"0" * len(before[path].split(b" ")[1]) + b"\t" + path for path in removed]
    lines += [entry + b"\t" + path for path, entry in changed.items()]
    given = b"".join(line + b"\0" for line in lines)
    git("update-index", "--replace", "-z", "--index-info", cwd=checkout, given=given)


def _entries(checkout: Path, env: dict[str, str]) -> dict[bytes, bytes]:
    """Mode and object of each file of an index, by path."""
    listed = git("ls-files", "-s", "-z", cwd=checkout, env=env).split(b"\0")
    heads = (entry.partition(b"\t") for entry in listed if entry)
    return {path: head.rpartition(b" ")[0] for head, _, path in heads}
