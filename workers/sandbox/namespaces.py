"""The lower rungs, where a small Python parent (`subreaper.py`) sees to it that nothing survives.

`unshare` and `none` give the program a process namespace of its own, so that the kernel kills all of it with
the minder, which nothing inside can kill. `group` has no namespace: the minder adopts every orphan below it and
kills them all, and a sweep by mark catches what got past it. A program that means harm can kill that minder, and
this worker as well, so `group` is never chosen unasked.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox import mount_plan, rlimits
from workers.sandbox.program import SandboxedProgram

_SUBREAPER = str(Path(__file__).with_name("minder.py"))


def subreaper(fd: int) -> list[str]:
    """The minder's command, isolated from the environment and site packages; it starts in milliseconds."""
    return [sys.executable, "-I", "-S", _SUBREAPER, str(fd), "--"]


@dataclass(frozen=True)
class Unshare:
    """Namespaces by util-linux, whose first process is the minder: `unshare`, or `none` where `isolates` is off."""

    unshare: str
    setpriv: str
    isolates: bool = True
    lifeline: bool = True
    mounts: bool = True

    @property
    def covers_tmp(self) -> bool:
        """Only where it isolates."""
        return self.isolates

    @property
    def name(self) -> str:
        """As recorded with the candidate."""
        return "unshare" if self.isolates else "none"

    def argv(self, program: SandboxedProgram, fd: int) -> list[str]:
        plan = mount_plan.isolated_mounts(program) if self.isolates else mount_plan.guarded_mounts(program)
        network = ["--net"] if plan.loopback else []
        return [*rlimits.prefix(), *self._prefix(network), *plan.argv(), *subreaper(fd), *program.argv]

    def probe(self, program: SandboxedProgram) -> list[str]:
        """The whole launcher around a program that needs no minder."""
        return [*self.argv(program, 0)[: -len(subreaper(0)) - len(program.argv)], *program.argv]

    def _prefix(self, more: list[str]) -> list[str]:
        """Die with the worker, in own user, process and mount namespaces that die with their launcher."""
        namespaces = ["--user", "--map-current-user", "--keep-caps", "--pid", "--ipc", "--mount-proc", *more]
        return [
            self.setpriv,
            "--pdeathsig",
            "KILL",
            "--",
            self.unshare,
            *namespaces,
            "--fork",
            "--kill-child",
            "--",
        ]


@dataclass(frozen=True)
class ProcessGroupRung:
    """Only a minder: works everywhere, and contains nobody who means harm."""

    name: str = "group"
    lifeline: bool = True
    mounts: bool = False
    covers_tmp: bool = False

    def argv(self, program: SandboxedProgram, fd: int) -> list[str]:
        return [*rlimits.prefix(), *subreaper(fd), *program.argv]
