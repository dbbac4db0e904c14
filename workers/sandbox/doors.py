"""Doors of a sandboxed program: servers outside that it reaches on its own loopback, through `forward.py`."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workers.sandbox.program import SandboxedProgram
from workers.sandbox.sweep import remove_tree

_SCRIPT = str(Path(__file__).with_name("forward.py"))
_BASE = Path("/tmp")  # noqa: S108 — sandboxes with doors have a `/tmp` of their own; paths there are short
_LONGEST_PATH = 107
"""Bytes of a Unix socket's path."""


@contextmanager
def door_directory() -> Iterator[Path]:
    """A new private directory for the sockets of one program, at a path that leaves room for their names.

    No sandbox with a network of its own shows it; `DoorMount` binds single sockets of it.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"bench-{os.geteuid()}-door-", dir=_BASE))
    try:
        yield directory
    finally:
        with suppress(OSError):
            remove_tree(directory)


def sockets(program: SandboxedProgram) -> list[Path]:
    """The sockets that the sandbox must show."""
    return [door.socket for door in program.doors]


def command(program: SandboxedProgram, python: str = sys.executable) -> list[str]:
    """The program's command, behind the forwarder where it has doors, which `python` runs.

    Raises `ValueError` for a socket's long path.
    """
    if not program.doors:
        return list(program.argv)
    for socket in sockets(program):
        if len(os.fsencode(socket)) > _LONGEST_PATH:
            raise ValueError(f"the path of a door's socket is longer than {_LONGEST_PATH} bytes: {socket}")
    pairs = [word for door in program.doors for word in (str(door.port), str(door.socket))]
    return [python, "-I", "-S", _SCRIPT, *pairs, "--", *program.argv]


def none(program: SandboxedProgram, rung: str) -> list[str]:
    """The program's command in a rung that shares the machine's network. Raises `ValueError` where it has doors."""
    if program.doors:
        raise ValueError(f"sandbox {rung} has no network of its own for doors to be reached in")
    return list(program.argv)
