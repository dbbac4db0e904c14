"""Patches for people: lines with their colours, and what each file gained and lost."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from bench.terminal import Preformatted, preformatted

_MOST_CHARACTERS: Final = 400
_HEADERS: Final = re.compile(
    r"diff --git |index [0-9a-f]|--- |\+\+\+ |new file mode |deleted file mode |old mode |new mode |rename |copy "
    r"|similarity index |dissimilarity index |Binary files |GIT binary patch"
)
REDACTED: Final = (
    "this patch held text that looks like a secret of the worker and was stored redacted: it is not what the gates "
    "judged, and no command lands it"
)


class PatchedFile(NamedTuple):
    """One file of a patch."""

    path: str
    added: int
    removed: int
    is_binary: bool


def file_changes(patch: str) -> list[PatchedFile]:
    """The files of a unified diff of Git, in its order."""
    changes: list[PatchedFile] = []
    in_hunk = False
    for line in patch.split("\n"):
        if line.startswith("diff --git "):
            changes.append(PatchedFile(_path(line), 0, 0, False))
            in_hunk = False
        elif line.startswith("@@"):
            in_hunk = True
        elif changes:
            changes[-1] = _counted(changes[-1], line, in_hunk)
    return changes


def _counted(change: PatchedFile, line: str, in_hunk: bool) -> PatchedFile:
    if in_hunk and line.startswith("+"):
        return change._replace(added=change.added + 1)
    if in_hunk and line.startswith("-"):
        return change._replace(removed=change.removed + 1)
    if not in_hunk and line.startswith("+++ b/"):
        return change._replace(path=line.removeprefix("+++ b/").rstrip("\t"))
    if not in_hunk and line.startswith(("GIT binary patch", "Binary files ")):
        return change._replace(is_binary=True)
    return change


def _path(header: str) -> str:
    """The path after `b/` of a header; both paths are equal unless the file was renamed."""
    rest = header.removeprefix("diff --git ").replace('"', "")
    half = len(rest) // 2
    return rest[half + 3 :] if rest[2:half] == rest[half + 3 :] else rest.rpartition(" b/")[2]


def changes_line(changes: list[PatchedFile]) -> str:
    """`2 files, +10 −3`, with the number of binary files."""
    added, removed = sum(each.added for each in changes), sum(each.removed for each in changes)
    binary = sum(each.is_binary for each in changes)
    files = "1 file" if len(changes) == 1 else f"{len(changes)} files"
    return f"{files}, +{added} −{removed}" + (f", {binary} binary" if binary else "")


def change_rows(changes: list[PatchedFile]) -> list[dict[str, Any]]:
    """The files as rows."""
    return [change._asdict() for change in changes]


def colored_patch(patch: str, most_lines: int | None = None) -> tuple[Preformatted, int]:
    """The patch with colours, and how many of its lines are left out at its end.

    With `most_lines`, the data of binary files and the ends of very long lines are left out, too.
    """
    lines = patch.removesuffix("\n").split("\n")
    shown = lines if most_lines is None else list(_shorter(lines))
    kept = shown if most_lines is None else shown[:most_lines]
    return preformatted(_styled(kept)), len(shown) - len(kept)


def _shorter(lines: list[str]) -> Iterator[str]:
    data = 0
    for line in lines:
        if line.startswith("diff --git "):
            data = 0
        if data > 1:
            continue
        if data:
            yield "… data of a binary file …"
            data = 2
            continue
        yield line if len(line) <= _MOST_CHARACTERS else f"{line[:_MOST_CHARACTERS]} …"
        data = int(line == "GIT binary patch")


def _styled(lines: list[str]) -> Iterator[tuple[str, str]]:
    in_hunk = False
    for line in lines:
        if line.startswith("diff --git "):
            in_hunk = False
        if line.startswith("@@"):
            in_hunk = True
            yield line, "cyan"
        elif not in_hunk and _HEADERS.match(line):
            yield line, "bold"
        else:
            yield line, "green" if line.startswith("+") else "red" if line.startswith("-") else ""
