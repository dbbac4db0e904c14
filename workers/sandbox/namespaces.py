"""The lower rungs: Linux namespaces or a process group, under a parent (`subreaper.py`) that kills every descendant.

`unshare` and `none` give the program a process namespace of its own, `unshare` a network namespace too. The subreaper
is its first process, which nothing inside can kill, and the kernel kills all others with it. `group` has no namespace:
the subreaper adopts every orphan below it and kills them all, and a sweep by mark finds the ones it missed. A hostile
program can kill that subreaper, and this worker as well, so `group` is only chosen on request.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox import doors, mount_plan, rlimits
from workers.sandbox.program import SandboxedProgram

_SUBREAPER = str(Path(__file__).with_name("subreaper.py"))


def subreaper(fd: int) -> list[str]:
    """The subreaper's command, isolated from the environment and site packages; it starts in milliseconds."""
    return [sys.executable, "-I", "-S", _SUBREAPER, str(fd), "--"]


@dataclass(frozen=True)
class Unshare:
    """Namespaces by util-linux, with the subreaper as first process: `unshare`, or `none` where `isolates` is off."""

    unshare: str
    setpriv: str
    isolates: bool = True
    lifeline: bool = True
    mounts: bool = True
    image: None = None

    @property
    def covers_tmp(self) -> bool:
        """Only where it isolates."""
        return self.isolates

    @property
    def own_network(self) -> bool:
        """Only where it isolates."""
        return self.isolates

    @property
    def name(self) -> str:
        """As recorded with the candidate."""
        return "unshare" if self.isolates else "none"

    def argv(self, program: SandboxedProgram, fd: int) -> list[str]:
        plan = mount_plan.isolated_mounts(program) if self.isolates else mount_plan.guarded_mounts(program)
        network = ["--net"] if plan.loopback else []
        command = doors.command(program) if self.own_network else doors.none(program, self.name)
        return [*rlimits.prefix(), *self._prefix(network), *plan.argv(), *subreaper(fd), *command]

    def probe(self, program: SandboxedProgram) -> list[str]:
        """The whole launcher around a program that needs no subreaper."""
        return [*self.argv(program, 0)[: -len(subreaper(0)) - len(program.argv)], *program.argv]

    def _prefix(self, more: list[str]) -> list[str]:
        """Namespaces (user, process, mount, IPC) that die with their launcher, which dies with the worker."""
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
    """A process group under a subreaper: works everywhere, and does not contain a hostile program."""

    name: str = "group"
    lifeline: bool = True
    mounts: bool = False
    covers_tmp: bool = False
    own_network: bool = False
    image: None = None

    def argv(self, program: SandboxedProgram, fd: int) -> list[str]:
        return [*rlimits.prefix(), *subreaper(fd), *doors.none(program, self.name)]
