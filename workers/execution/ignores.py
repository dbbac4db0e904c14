"""Ignore rules of the base commit: its `.gitignore` files as one list, so that a candidate's edits of them have no
effect. Pure."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from workers.patterns import escaped

IGNORE_FILE = ".gitignore"
_BOM = b"\xef\xbb\xbf"


def joined(files: Mapping[bytes, bytes]) -> bytes:
    """The rules of ignore files, by path, as one file at the root: a deeper file overrides those above."""
    rules = [
        rule
        for path in sorted(files, key=lambda path: (path.count(b"/"), path))
        for rule in _rules(path.rpartition(b"/")[0], files[path])
    ]
    return b"".join(rule + b"\n" for rule in rules)


def is_ignore_file(path: str) -> bool:
    """Whether Git reads rules from a file of this name."""
    return PurePosixPath(path).name == IGNORE_FILE


def _rules(directory: bytes, text: bytes) -> Iterator[bytes]:
    for line in text.removeprefix(_BOM).split(b"\n"):
        line = line.removesuffix(b"\r")
        negation, pattern = (b"!", line[1:]) if line.startswith(b"!") else (b"", line)
        if pattern.startswith(b"#") and not negation:
            continue
        # Trailing spaces are ignored unless a backslash precedes them.
        bare = re.sub(rb"(?<!\\) +$", b"", pattern)
        if not bare.strip(b"/"):
            continue
        yield negation + (_below(directory, bare) if directory else bare)


def _below(directory: bytes, pattern: bytes) -> bytes:
    """The pattern of a file in `directory`, as seen from the root."""
    prefix = os.fsencode(f"/{escaped(os.fsdecode(directory))}")
    if b"/" in pattern.rstrip(b"/"):
        return prefix + b"/" + pattern.removeprefix(b"/")
    return prefix + b"/**/" + pattern
