"""Pointer files of Git LFS in a commit: the paths whose contents are stored elsewhere.

A file counts as one where Git LFS itself would replace it by its contents: it parses as a pointer, and the
attributes of the commit give it `filter=lfs`.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from workers.repository.git import git

_SMALLEST, _LARGEST = 100, 1024
"""Bytes of a pointer file; Git LFS reads no longer one."""
_READ_AT_ONCE: Final = 10_000
_POINTER: Final = re.compile(
    rb"version https?://(?:git-lfs\.github\.com/spec/v1|hawser\.github\.com/spec/v1|git-media\.io/v/2)\n"
    rb"(?:ext-[^\n]*\n)*oid sha256:(?P<oid>[0-9a-f]{64})\nsize (?P<size>[0-9]{1,15})\n?"
)


@dataclass(frozen=True)
class Pointer:
    """A path, and the SHA-256 and size in bytes of what belongs there."""

    path: str
    oid: str
    size: int
    mode: str = "100644"
    """That of the file, as Git writes it."""


@dataclass(frozen=True)
class Entry:
    """One line of `git ls-tree -r`."""

    mode: str
    name: str
    """The object's id."""
    path: str


def parse_pointer(path: str, content: bytes) -> Pointer | None:
    """The pointer that a file holds; None where it is an ordinary file."""
    match = _POINTER.fullmatch(content)
    return Pointer(path, match["oid"].decode(), int(match["size"])) if match else None


def entries(repository: Path, commit: str) -> list[Entry]:
    """Every file and submodule of a commit."""
    return [entry for entry, _ in _listed(repository, commit)]


def pointers(repository: Path, commit: str, files: Sequence[Entry]) -> list[Pointer]:
    """The pointer files among the entries of a commit; nothing in `repository` is changed."""
    attributes = {each.name for each in files if each.path.rpartition("/")[2] == ".gitattributes"}
    if not any(b"lfs" in content for _, content in _contents(repository, sorted(attributes))):
        return []
    small: dict[str, list[Entry]] = {}
    # Git reads a size from the objects: too slow for a large tree unless there may be pointers.
    for each, size in _listed(repository, commit, "-l"):
        if each.mode.startswith("100") and _SMALLEST <= size <= _LARGEST:
            small.setdefault(each.name, []).append(each)
    candidates = [
        replace(pointer, mode=each.mode)
        for name, content in _contents(repository, list(small))
        for each in small[name]
        if (pointer := parse_pointer(each.path, content)) is not None
    ]
    filtered = _filtered(repository, commit, [each.path for each in candidates])
    return sorted((each for each in candidates if each.path in filtered), key=lambda each: each.path)


def _listed(repository: Path, commit: str, *options: str) -> Iterator[tuple[Entry, int]]:
    """Entries with their sizes, where those are asked for; a submodule's is 0."""
    for line in git("ls-tree", "-r", *options, "-z", commit, cwd=repository).split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, _, name, *size = head.decode("ascii").split()
        yield Entry(mode, name, os.fsdecode(path)), int(size[0]) if size and size[0] != "-" else 0


def _contents(repository: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for start in range(0, len(names), _READ_AT_ONCE):
        given = "".join(f"{name}\n" for name in names[start : start + _READ_AT_ONCE]).encode()
        output, at = git("cat-file", "--batch", cwd=repository, given=given), 0
        while at < len(output):
            end = output.index(b"\n", at)
            name, _, size = output[at:end].decode("ascii").split()
            at = end + 1 + int(size)
            yield name, output[end + 1 : at]
            at += 1


def _filtered(repository: Path, commit: str, paths: Sequence[str]) -> set[str]:
    """The paths whose attribute `filter` is `lfs` in the commit."""
    if not paths:
        return set()
    given = b"".join(os.fsencode(path) + b"\0" for path in paths)
    with tempfile.TemporaryDirectory(prefix="bench-lfs-") as directory:
        env = {"GIT_INDEX_FILE": f"{directory}/index"}
        git("read-tree", commit, cwd=repository, env=env)
        command = ["check-attr", "--cached", "--stdin", "-z", "filter"]
        output = git(*command, cwd=repository, env=env, given=given).split(b"\0")
    return {
        os.fsdecode(path) for path, value in zip(output[0::3], output[2::3], strict=False) if value == b"lfs"
    }
