"""The lower rungs, where a small Python parent (`minder.py`) sees to it that nothing survives.

`unshare` gives the program a process namespace of its own, so that the kernel kills all of it with the
minder. `group` has no namespace: the minder adopts every orphan below it and kills them all, and a sweep by
mark catches what a hostile program got past the minder. Neither isolates files or the network.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox import limits
from workers.sandbox.program import Program

_MINDER = str(Path(__file__).with_name("minder.py"))


def minder(fd: int) -> list[str]:
    """The minder's command, isolated from the environment and site packages; it starts in milliseconds."""
    return [sys.executable, "-I", "-S", _MINDER, str(fd), "--"]


@dataclass(frozen=True)
class Unshare:
    """A process namespace by util-linux, whose first process is the minder."""

    unshare: str
    setpriv: str
    name: str = "unshare"
    lifeline: bool = True

    def prefix(self) -> list[str]:
        """Die with the worker, in own user, process and mount namespaces that die with their launcher."""
        namespaces = ["--user", "--map-current-user", "--pid", "--mount-proc", "--fork", "--kill-child"]
        return [self.setpriv, "--pdeathsig", "KILL", "--", self.unshare, *namespaces, "--"]

    def argv(self, program: Program, fd: int) -> list[str]:
        return [*limits.prefix(), *self.prefix(), *minder(fd), *program.argv]


@dataclass(frozen=True)
class Group:
    """Only a minder: the rung that works everywhere."""

    name: str = "group"
    lifeline: bool = True

    def argv(self, program: Program, fd: int) -> list[str]:
        return [*limits.prefix(), *minder(fd), *program.argv]
