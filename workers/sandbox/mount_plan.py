"""Mount plan of one program of the lower rungs: the input of `enclose.py`."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from workers.sandbox import allowlist, doors
from workers.sandbox.program import SandboxedProgram

_SCRIPT = str(Path(__file__).with_name("enclose.py"))
_SCRATCH = ("/tmp", "/dev/shm")  # noqa: S108 — covered by a file system of the program's own
_SOCKETS = "/run"
"""Where services listen: nothing there is a program's business."""


@dataclass(frozen=True)
class MountPlan:
    """The mounts of one program. All paths are absolute, without links, and exist."""

    whole: bool
    """Make everything read-only that is not listed below."""
    pinned: list[str]
    """Directories that cannot be renamed: those above what is read-only."""
    read_only: list[str]
    scratch: list[str]
    """Directories covered by an empty, writable file system of `scratch_bytes`."""
    scratch_bytes: int
    hidden: list[str]
    """Directories covered by an empty, read-only one."""
    reads: list[str]
    """What stays visible below `scratch` and `hidden`."""
    writes: list[str]
    tmp: list[str]
    """A directory, and the path at which it is mounted; empty where there is none."""
    cwd: str
    loopback: bool
    """Whether there is a network of the program's own, whose loopback is brought up."""

    def argv(self) -> list[str]:
        """The command prefix that applies the plan."""
        return [sys.executable, "-I", "-S", _SCRIPT, json.dumps(asdict(self)), "--"]


def isolated_mounts(program: SandboxedProgram) -> MountPlan:
    """Mounts that isolate: all read-only but the cell; home, work directory and sockets hidden."""
    covered = [*_present(map(Path, _SCRATCH))]
    hidden = _outermost(_present([allowlist.home(), Path(_SOCKETS), *program.hidden]), more=covered)
    needed = [*allowlist.own_python(), *program.reads, *doors.sockets(program)]
    if program.network:
        needed += map(Path, allowlist.NETWORK)
    needed += [path.resolve() for path in needed]
    return MountPlan(
        whole=True,
        pinned=[],
        read_only=[],
        scratch=covered,
        scratch_bytes=program.scratch_bytes,
        hidden=hidden,
        reads=[path for path in _outermost(_present(needed)) if _lies_below(path, [*covered, *hidden])],
        writes=_present([*program.writes, program.cell]),
        tmp=[str(path) for path in program.tmp or ()],
        cwd=str(program.cwd),
        loopback=True,
    )


def guarded_mounts(program: SandboxedProgram) -> MountPlan:
    """Mounts that only guard what other programs rely on: set-ups, mirrors and the worker's own code are read-only."""
    guarded = _outermost(_present([*program.guarded, *allowlist.own_python()]))
    above = {str(parent) for path in guarded for parent in Path(path).parents} - {"/"}
    return MountPlan(
        whole=False,
        pinned=sorted(above - set(guarded), key=len),
        read_only=guarded,
        scratch=[],
        scratch_bytes=0,
        hidden=[],
        reads=[],
        writes=_present([*program.writes, program.cell]),
        tmp=[str(path) for path in program.tmp or ()],
        cwd=str(program.cwd),
        loopback=False,
    )


def _present(paths: Iterable[Path]) -> list[str]:
    """The paths that exist, each once and without the root."""
    return [str(path) for path in dict.fromkeys(paths) if path != Path("/") and path.exists()]


def _outermost(paths: list[str], more: Iterable[str] = ()) -> list[str]:
    """`paths` without those below another of them or of `more`."""
    return [path for path in paths if not _lies_below(path, [*paths, *more])]


def _lies_below(path: str, parents: Iterable[str]) -> bool:
    return any(parent in {str(each) for each in Path(path).parents} for parent in parents)
