"""The candidate's difference to the base commit, taken without trusting anything the candidate left.

Git runs on the candidate's files inside the sandbox (`take_inside.py`) and hands out a listing, a diff and a pack of
new objects. The worker's own Git reads these and never the files: index, configuration, attributes and exclusions
are the pristine ones. What the base commit's `.gitignore` files name, compiled Python, and environments and caches
that it lacks are no part of a patch and are counted; a nested repository is one, as plain files.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workers.execution import changes as values
from workers.execution import ignores
from workers.execution.cell import Cell, is_real_directory
from workers.execution.changes import LINK, Change, Choice
from workers.execution.checkout import COMPILED
from workers.execution.git import GitError, git, plain_environment
from workers.gates import configuration
from workers.result import LeftOut
from workers.sandbox.place import MissingProgramError, Place
from workers.sandbox.process import Limits
from workers.spec import Gate
from workers.toolchains.untrusted import count, mapping, one_line, parse_json, read_bytes, sequence

_SCRIPT = Path(__file__).with_name("take_inside.py")
_LISTING_BYTES = 64 * 1024 * 1024
_SHARED_BYTES = 4 * 1024 * 1024
_LINK_BYTES = 4096


@dataclass(frozen=True)
class Bounds:
    """How much of a change is still judged."""

    max_bytes: int
    """Of the changed files; their diff may be twice as long."""
    max_files: int
    seconds: float = 300.0


@dataclass(frozen=True)
class Patch:
    """A diff, and the trusted index of base + diff with protected and unsafe paths left as they are in the base."""

    index: Path
    text: bytes = b""
    lines: int = 0
    files: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    """Changed paths that the gates see changed."""
    fail_codes: tuple[str, ...] = ()
    detail: str = ""
    """Where it is not usable: what there is too much of."""
    usable: bool = True
    """False where there is nothing that gates could be run on."""
    left_out: LeftOut | None = None
    """What is in the check-out and no part of it; None where that was not told."""


@dataclass(frozen=True)
class Rules:
    """What of a change is not taken."""

    protected: Sequence[str]
    """Patterns as in .gitignore; they come after those of the tests' configuration and may allow (`!`) one."""
    gates: Sequence[Gate]

    @property
    def patterns(self) -> list[str]:
        return [*configuration.patterns(self.gates), *self.protected]


class _NotTakenError(Exception):
    """There is no patch to judge; arguments: fail code and detail."""


def take_patch(place: Place, cell: Cell, rules: Rules, number: int, bounds: Bounds) -> Patch:
    """The patch as the check-out stands, once every process of the candidate is dead; `number` names it."""
    index = cell.root / f"patch-{number}.index"
    try:
        if not is_real_directory(cell.checkout):
            raise _NotTakenError("unsafe_path", "the check-out is no directory any more")
        out = _take_inside(place, cell, number, bounds)
        left_out = _left_out(read_bytes(out / "left_out", _LISTING_BYTES))
        try:
            return replace(_judged(cell, out, index, rules, bounds), left_out=left_out)
        except _NotTakenError as error:
            code, detail = error.args
            return Patch(index, fail_codes=(code,), detail=detail, usable=False, left_out=left_out)
    except _NotTakenError as error:
        code, detail = error.args
        return Patch(index, fail_codes=(code,), detail=detail, usable=False)
    except (GitError, MissingProgramError, OSError, ValueError) as error:
        return Patch(index, fail_codes=("no_patch",), detail=str(error), usable=False)


def _take_inside(place: Place, cell: Cell, number: int, bounds: Bounds) -> Path:
    """Stage the check-out in the sandbox; the directory that holds what came of it."""
    inside = cell.root / f"take-{number}"
    out = inside / "out"
    for path in (inside / "home", inside / "tmp", out / "objects" / "info"):
        path.mkdir(parents=True)
    shutil.copy2(cell.base_index, out / "index")
    (out / "objects" / "info" / "alternates").write_text(f"{cell.pristine}/.git/objects\n")
    (out / "ignored").write_bytes(ignores.joined(_Store(cell).ignore_files()) + COMPILED.encode())
    order = {
        "checkout": str(cell.checkout),
        "out": str(out),
        "base": cell.base_tree.read_text(),
        "max_bytes": bounds.max_bytes,
        "max_files": bounds.max_files,
    }
    log = cell.logs / f"patch-{number}.log"
    # What set-up made is no part of this: its programs come from the repository.
    ended = replace(place, first_on_path=()).run(
        (sys.executable, "-I", "-S", str(_SCRIPT), json.dumps(order)),
        cell.checkout,
        inside,
        {
            **plain_environment(),
            "GIT_DIR": str(cell.pristine / ".git"),
            "GIT_WORK_TREE": str(cell.checkout),
            "GIT_INDEX_FILE": str(out / "index"),
            "GIT_OBJECT_DIRECTORY": str(out / "objects"),
        },
        Limits(bounds.seconds, capture_bytes=1_000_000),
        log,
        reads=(cell.pristine,),
        writes=(cell.checkout,),
    )
    if ended.exit_code != 0:
        raise OSError(f"the patch cannot be taken: {place.text(log, 2000).strip()[-300:] or ended.ended_by}")
    log.unlink()
    return out


def _judged(cell: Cell, out: Path, index: Path, rules: Rules, bounds: Bounds) -> Patch:
    if (refused := read_bytes(out / "refused", _LISTING_BYTES)) is not None:
        raise _NotTakenError("patch_too_large", _too_large(refused, bounds))
    found = values.parse_raw(read_bytes(out / "raw", _LISTING_BYTES) or b"")
    text = read_bytes(out / "patch", 2 * bounds.max_bytes + 65536) or b""
    store = _Store(cell)
    if (out / "pack").exists():
        store.take(read_bytes(out / "pack", 2 * bounds.max_bytes + 65536) or b"")
    unsafe = [change for change in found if store.is_unsafe(change)]
    choice = values.choose(
        [change for change in found if change not in unsafe],
        rules.patterns,
        values.names_of(store.base_files()),
    )
    kept, shared, reconfigured = store.with_base_sections(choice)
    shutil.copy2(cell.base_index, index)
    store.write_index(index, kept)
    is_protected = bool(choice.protected) or reconfigured
    codes = (("protected_path", is_protected), ("unsafe_path", unsafe), ("shared_config", shared))
    return Patch(
        index=index,
        text=text,
        lines=values.count_lines(text),
        files=tuple(change.path for change in found),
        kept=frozenset(change.path for change in kept),
        fail_codes=tuple(code for code, is_so in codes if is_so),
    )


def index_of_commit(cell: Cell, base: str, commit: str, rules: Rules, index: Path) -> tuple[str, ...]:
    """Write the index of base + the difference to `commit`, judged as a candidate's; the paths that stay as in the
    base. The pristine repository holds both commits. Raises `GitError`."""
    store = _Store(cell)
    found = [change for change in store.differences(base, commit) if values.is_sound(change)]
    choice = values.choose(found, rules.patterns, values.names_of(store.base_files()))
    kept, _, _ = store.with_base_sections(choice)
    shutil.copy2(cell.base_index, index)
    store.write_index(index, kept)
    return tuple(change.path for change in choice.protected)


def _too_large(refused: bytes, bounds: Bounds) -> str:
    """What there is too much of, in one line."""
    said = mapping(parse_json(refused))
    parts = [f"{one_line(path)} ({one_line(size)})" for size, path in sequence(said.get("largest"))]
    allowed = f"{bounds.max_bytes / 1e6:.1f} MB or {bounds.max_files} files"
    where = f"; most of it in {', '.join(parts)}" if parts else ""
    return f"{one_line(said.get('what'))}, where {allowed} are judged{where}"


def _left_out(told: bytes | None) -> LeftOut | None:
    if told is None:
        return None
    said = mapping(parse_json(told))
    names = [one_line(name) for name in sequence(said.get("names"))[:10]]
    return LeftOut(files=count(said.get("files")) or 0, bytes=count(said.get("bytes")) or 0, names=names)


class _Store:
    """The pristine repository, into which a candidate's objects are taken after their hashes are checked."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def _git(self, *arguments: str, index: Path | None = None, given: bytes | None = None) -> bytes:
        env = {"GIT_DIR": str(self._cell.pristine / ".git")}
        if index is not None:
            env["GIT_INDEX_FILE"] = str(index)
        return git(*arguments, cwd=self._cell.pristine, env=env, given=given)

    def differences(self, base: str, commit: str) -> list[Change]:
        return values.parse_raw(
            self._git("diff-tree", "-r", "-z", "--no-renames", "--full-index", base, commit)
        )

    def take(self, pack: bytes) -> None:
        self._git("index-pack", "--stdin", given=pack)

    def base_files(self) -> list[str]:
        listed = self._git("ls-files", "-z", index=self._cell.base_index)
        return [os.fsdecode(name) for name in listed.split(b"\0") if name]

    def ignore_files(self) -> dict[bytes, bytes]:
        """The base commit's ignore files by path; links are none."""
        listed = self._git("ls-files", "-s", "-z", index=self._cell.base_index).split(b"\0")
        entries = (entry.partition(b"\t") for entry in listed)
        return {
            path: self._git("cat-file", "blob", head.split(b" ")[1].decode())
            for head, _, path in entries
            if ignores.is_ignore_file(os.fsdecode(path)) and not head.startswith(LINK.encode())
        }

    def blob(self, name: str, limit: int) -> bytes | None:
        """Its content; None where it is longer than `limit` bytes."""
        size = int(self._git("cat-file", "-s", name))
        return self._git("cat-file", "blob", name) if size <= limit else None

    def is_unsafe(self, change: Change) -> bool:
        """Whether a change is none to a plain file, or a link that leads out of the check-out."""
        if not values.is_sound(change):
            return True
        if change.new_mode != LINK:
            return False
        target = self.blob(change.new_id, _LINK_BYTES)
        return target is None or values.leads_out(change.path, os.fsdecode(target))

    def with_base_sections(self, choice: Choice) -> tuple[list[Change], bool, bool]:
        """The kept changes, those to shared files with the base's test sections; whether there is one of them; whether
        one had changed such a section."""
        kept: list[Change] = []
        shared = reconfigured = False
        for change in choice.kept:
            if not configuration.is_shared(change.path):
                kept.append(change)
                continue
            joined = self._joined(change)
            shared = shared or joined is not None
            reconfigured = reconfigured or joined != change
            kept += [joined] if joined is not None else []
        return kept, shared, reconfigured

    def _joined(self, change: Change) -> Change | None:
        """The change with the base's sections; None where the file is left as the base has it."""
        base = None if change.is_new else self.blob(change.old_id, _SHARED_BYTES)
        now = b"" if change.is_removal else self.blob(change.new_id, _SHARED_BYTES)
        if now is None or change.new_mode == LINK:
            return None
        joined = configuration.with_sections_of(change.path, base, now)
        if joined == now:
            return change
        if joined is None or joined == base or (base is None and not joined.strip()):
            return None
        name = self._git("hash-object", "-w", "--stdin", given=joined).decode().strip()
        return replace(
            change, new_id=name, new_mode=change.old_mode if change.is_removal else change.new_mode
        )

    def write_index(self, index: Path, kept: Sequence[Change]) -> None:
        """Make the changes to a copy of the base's index."""
        if kept:
            self._git("update-index", "-z", "--index-info", index=index, given=values.index_info(kept))
