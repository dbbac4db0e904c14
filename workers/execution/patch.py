"""The candidate's patch: its difference to the base commit, taken from an untrusted check-out.

Git runs on the candidate's files inside the sandbox (`take_inside.py`) and writes a listing, a diff and a pack of new
objects. The worker's own Git reads these and never the files: index, configuration, attributes and exclusions are the
pristine ones. A patch excludes, and counts, the files that the base commit's `.gitignore` files match, compiled
Python, and environments and caches that the base lacks; it includes a nested repository, as plain files.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workers.execution import changes as values
from workers.execution import ignores
from workers.execution.pristine import PristineStore
from workers.gates import configuration
from workers.repository.checkout import COMPILED
from workers.repository.git import GitError, plain_environment
from workers.result import ExcludedFiles
from workers.sandbox.process import StopConditions
from workers.sandbox.runner import MissingProgramError, ProgramRunner
from workers.sandbox.sweep import is_real_directory
from workers.spec import Gate
from workers.untrusted import count, mapping, one_line, parse_json, read_bytes, sequence
from workers.workcell import WorkcellDirectories

_SCRIPT = Path(__file__).with_name("take_inside.py")
_LISTING_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class PatchLimits:
    """The largest change that is still judged."""

    max_bytes: int
    """Of the changed files; their diff may be twice as long."""
    max_files: int
    seconds: float = 300.0

    @property
    def max_text(self) -> int:
        """Bytes of the diff, and of the new objects; removed text counts, too."""
        return 2 * self.max_bytes + 65536


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
    """Where it is not usable: why, in one line."""
    usable: bool = True
    """False where no gate can be run."""
    left_out: ExcludedFiles | None = None
    """Files of the check-out that are no part of it; None where they were not listed."""


@dataclass(frozen=True)
class Rules:
    """Which changes are not taken."""

    protected: Sequence[str]
    """Patterns as in .gitignore; they come after those of the tests' configuration and may allow (`!`) one."""
    gates: Sequence[Gate]

    @property
    def patterns(self) -> list[str]:
        return [*configuration.patterns(self.gates), *self.protected]


class _NotTakenError(Exception):
    """The patch cannot be judged; arguments: fail code and detail."""


def take_patch(
    runner: ProgramRunner, cell: WorkcellDirectories, rules: Rules, number: int, limits: PatchLimits
) -> Patch:
    """Take the patch of the check-out, after every process of the candidate is dead.

    Args:
        number: makes the names of its files unique in the workcell.

    Returns:
        The patch; where it cannot be taken, one that is not `usable`, with a fail code and a detail.
    """
    index = cell.root / f"patch-{number}.index"
    try:
        if not is_real_directory(cell.checkout):
            raise _NotTakenError("unsafe_path", "the check-out is no directory any more")
        out = _take_inside(runner, cell, number, limits)
        left_out = _left_out(read_bytes(out / "left_out", _LISTING_BYTES))
        try:
            return replace(_judged(cell, out, index, rules, limits), left_out=left_out)
        except _NotTakenError as error:
            code, detail = error.args
            return Patch(index, fail_codes=(code,), detail=detail, usable=False, left_out=left_out)
    except _NotTakenError as error:
        code, detail = error.args
        return Patch(index, fail_codes=(code,), detail=detail, usable=False)
    except (GitError, MissingProgramError, OSError, ValueError) as error:
        return Patch(index, fail_codes=("no_patch",), detail=str(error), usable=False)


def _take_inside(runner: ProgramRunner, cell: WorkcellDirectories, number: int, limits: PatchLimits) -> Path:
    """Stage the check-out in the sandbox; returns the directory with the listing, diff and pack."""
    inside = cell.root / f"take-{number}"
    out = inside / "out"
    for path in (inside / "home", inside / "tmp", out / "objects" / "info"):
        path.mkdir(parents=True)
    shutil.copy2(cell.base_index, out / "index")
    (out / "objects" / "info" / "alternates").write_text(f"{cell.pristine}/.git/objects\n")
    (out / "ignored").write_bytes(ignores.joined(PristineStore(cell).ignore_files()) + COMPILED.encode())
    order = {
        "checkout": str(cell.checkout),
        "out": str(out),
        "base": cell.base_tree.read_text(),
        "max_bytes": limits.max_bytes,
        "max_files": limits.max_files,
        "max_text": limits.max_text,
    }
    log = cell.logs / f"patch-{number}.log"
    # Without the set-up's programs on PATH: those come from the repository.
    ended = replace(runner, first_on_path=()).run(
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
        StopConditions(limits.seconds, capture_bytes=1_000_000),
        log,
        reads=(cell.pristine,),
        writes=(cell.checkout,),
    )
    if ended.exit_code != 0:
        raise OSError(f"the patch cannot be taken: {runner.text(log, 2000).strip()[-300:] or ended.ended_by}")
    log.unlink()
    return out


def _judged(cell: WorkcellDirectories, out: Path, index: Path, rules: Rules, limits: PatchLimits) -> Patch:
    if (refused := read_bytes(out / "refused", _LISTING_BYTES)) is not None:
        raise _NotTakenError("patch_too_large", _too_large(refused, limits))
    changes = values.parse_raw(read_bytes(out / "raw", _LISTING_BYTES) or b"")
    text = read_bytes(out / "patch", limits.max_text) or b""
    store = PristineStore(cell)
    if (out / "pack").exists():
        store.take(read_bytes(out / "pack", limits.max_text) or b"")
    unsafe = store.unsafe(changes)
    sound = [change for change in changes if change not in unsafe]
    taken = store.write_judged(index, sound, rules.patterns)
    is_protected = bool(taken.protected) or taken.reconfigured
    codes = (("protected_path", is_protected), ("unsafe_path", unsafe), ("shared_config", taken.shared))
    return Patch(
        index=index,
        text=text,
        lines=values.count_lines(text),
        files=tuple(change.path for change in changes),
        kept=frozenset(change.path for change in taken.kept),
        fail_codes=tuple(code for code, is_so in codes if is_so),
    )


def index_of_commit(
    cell: WorkcellDirectories, base: str, commit: str, rules: Rules, index: Path
) -> tuple[str, ...]:
    """Write the index of base + the difference to `commit`, protected as a candidate's is.

    The pristine repository has both commits.

    Returns:
        The paths that stay as in the base.

    Raises:
        GitError: a commit is missing.
    """
    store = PristineStore(cell)
    sound = [change for change in store.differences(base, commit) if values.is_sound(change)]
    taken = store.write_judged(index, sound, rules.patterns)
    return tuple(change.path for change in taken.protected)


def _too_large(refused: bytes, limits: PatchLimits) -> str:
    """One line on the size of a change that is too large."""
    document = mapping(parse_json(refused))
    parts = [f"{one_line(path)} ({one_line(size)})" for size, path in sequence(document.get("largest"))]
    allowed = f"{limits.max_bytes / 1e6:.1f} MB or {limits.max_files} files"
    where = f"; most of it in {', '.join(parts)}" if parts else ""
    return f"{one_line(document.get('what'))}, where {allowed} are judged{where}"


def _left_out(listing: bytes | None) -> ExcludedFiles | None:
    if listing is None:
        return None
    document = mapping(parse_json(listing))
    names = [one_line(name) for name in sequence(document.get("names"))[:10]]
    return ExcludedFiles(
        files=count(document.get("files")) or 0, bytes=count(document.get("bytes")) or 0, names=names
    )
