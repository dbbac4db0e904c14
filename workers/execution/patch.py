"""The candidate's difference to the base commit, taken without trusting anything the candidate left.

Git reads the candidate's files only, never its repository: index, configuration, attributes and exclusions
are the pristine ones. Ignored files, compiled Python and nested repositories are no part of a patch.
"""

import contextlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pathspec

from workers.execution.cell import Cell, is_real_directory
from workers.execution.git import GitError, git

_LINK, _GITLINK = "120000", "160000"
_NULL = "0" * 40
GATE_PROGRAMS = ("/pytest.py", "/pytest/**", "/_pytest/**", "/sitecustomize.py", "/usercustomize.py")
"""Names at the root of a check-out that would stand in for the gate's own program."""


@dataclass(frozen=True)
class Patch:
    """A diff, and the trusted index of base + diff with protected and unsafe paths put back."""

    index: Path
    text: bytes = b""
    lines: int = 0
    files: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    """Changed paths that were put back to what they are in the base commit."""
    fail_codes: tuple[str, ...] = ()
    usable: bool = True
    """False where there is nothing that gates could be run on."""


@dataclass(frozen=True)
class Change:
    """One line of `git diff --raw`."""

    old_mode: str
    new_mode: str
    old_id: str
    path: str


@dataclass
class _Taking:
    cell: Cell
    commit: str
    index: Path
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.env = {
            "GIT_DIR": str(self.cell.pristine / ".git"),
            "GIT_WORK_TREE": str(self.cell.checkout),
            "GIT_INDEX_FILE": str(self.index),
        }

    def git(self, *arguments: str, given: bytes | None = None) -> bytes:
        return git(*arguments, cwd=self.cell.checkout, env=self.env, given=given)


def take_patch(cell: Cell, commit: str, protected: Sequence[str], number: int, max_bytes: int) -> Patch:
    """The patch as the check-out stands, once every process of the candidate is dead; `number` names it."""
    index = cell.root / f"patch-{number}.index"
    if not is_real_directory(cell.checkout):
        return Patch(index, fail_codes=("unsafe_path",), usable=False)
    shutil.copy2(cell.base_index, index)
    taking = _Taking(cell, commit, index)
    try:
        _add(taking)
        raw = taking.git("diff", "--cached", "--raw", "-z", *_PLAIN, commit)
        changes = parse_raw(raw)
        if _bytes_of(cell.checkout, changes) > max_bytes:
            return Patch(index, fail_codes=("patch_too_large",), usable=False)
        text = taking.git("diff", "--cached", "--patch", "--binary", *_PLAIN, commit)
        return _judged(taking, changes, text, protected)
    except GitError:
        return Patch(index, fail_codes=("no_patch",), usable=False)


_PLAIN = (
    "--no-renames",
    "--no-abbrev",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=all",
)


def _add(taking: _Taking) -> None:
    try:
        taking.git("add", "--all", "--", ".")
    except GitError:
        # An unreadable file or a repository without a commit in a subdirectory: take all the rest.
        _unveil(taking.cell.checkout)
        taking.git("add", "--all", "--", ".")


def _unveil(checkout: Path) -> None:
    """Make everything readable, and nested repositories plain directories."""
    for name, directories, files in os.walk(checkout):
        place = Path(name)
        if ".git" in directories:
            directories.remove(".git")
            if place != checkout:
                shutil.rmtree(place / ".git", ignore_errors=True)
        for each in (*directories, *files):
            path = place / each
            with contextlib.suppress(OSError):
                if not path.is_symlink():
                    path.chmod(path.lstat().st_mode | (0o700 if each in directories else 0o400))


def _judged(taking: _Taking, changes: list[Change], text: bytes, patterns: Sequence[str]) -> Patch:
    protected = touched(changes, patterns)
    unsafe = [change for change in changes if _is_unsafe(taking.cell.checkout, change)]
    back = [*protected, *(change for change in unsafe if change not in protected)]
    if back:
        taking.git("update-index", "-z", "--index-info", given=put_back(back, changes))
    codes = [code for code, found in (("protected_path", protected), ("unsafe_path", unsafe)) if found]
    return Patch(
        index=taking.index,
        text=text,
        lines=count_lines(text),
        files=tuple(change.path for change in changes),
        protected=tuple(change.path for change in protected),
        fail_codes=tuple(codes),
    )


def parse_raw(output: bytes) -> list[Change]:
    """The changes in `git diff --raw -z` output."""
    parts = output.split(b"\0")
    changes = []
    for head, path in zip(parts[0::2], parts[1::2], strict=False):
        old_mode, new_mode, old_id, _, _ = head.decode("ascii").removeprefix(":").split(" ")
        changes.append(Change(old_mode, new_mode, old_id, os.fsdecode(path)))
    return changes


def touched(changes: Sequence[Change], patterns: Sequence[str]) -> list[Change]:
    """The changes to paths that a pattern protects (as in .gitignore), and planted stand-ins for gates."""
    spec, planted = _spec(patterns), _spec(GATE_PROGRAMS)
    return [
        change
        for change in changes
        if spec.match_file(change.path)
        or (
            change.old_id == _NULL
            and (planted.match_file(change.path) or spec.match_file(f"{change.path}/x"))
        )
    ]


def _spec(patterns: Sequence[str]) -> pathspec.PathSpec[Any]:
    # Left to itself it takes the quickest engine it finds, and some refuse file names that are no UTF-8.
    return pathspec.PathSpec.from_lines("gitignore", patterns, backend="simple")


def put_back(back: Sequence[Change], changes: Sequence[Change]) -> bytes:
    """Input of `git update-index -z --index-info` that restores the base's entries of `back`.

    A new file that stands where a restored path needs a directory goes too.
    """
    restored = {change.path for change in back if change.old_id != _NULL}
    parents = {str(parent) for path in restored for parent in PurePosixPath(path).parents}
    gone = [change for change in changes if change.path in parents and change.old_id == _NULL]
    # Removals first: an entry that is a file cannot make room for a directory of the same name.
    ordered = sorted([*back, *gone], key=lambda change: change.old_id != _NULL)
    entries = (
        f"0 {_NULL}\t".encode() + os.fsencode(change.path)
        if change.old_id == _NULL
        else f"{change.old_mode} {change.old_id}\t".encode() + os.fsencode(change.path)
        for change in ordered
    )
    return b"\0".join(entries) + b"\0"


def _is_unsafe(checkout: Path, change: Change) -> bool:
    """Whether the change makes a symbolic link that leads out of the check-out."""
    if change.new_mode != _LINK:
        return False
    try:
        target = str((checkout / change.path).readlink())
    except OSError:
        return True
    landing = os.path.normpath(os.path.join(os.path.dirname(change.path), target))  # noqa: PTH118, PTH120
    return os.path.isabs(target) or landing.split("/")[0] in ("..", ".git")  # noqa: PTH117


def _bytes_of(checkout: Path, changes: Sequence[Change]) -> int:
    total = 0
    for change in changes:
        if change.new_mode not in (_GITLINK, "000000"):
            total += (checkout / change.path).lstat().st_size
    return total


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
