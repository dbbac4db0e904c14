"""Rlimits of every sandboxed process, set by `prlimit` where the machine has it.

There is no limit on address space: it breaks V8, Go and JVM programs, which reserve far more than they use.
"""

import functools
import resource
import shutil

FILE_BYTES = 4 * 1024**3
OPEN_FILES = 8192
PROCESSES = 4096


@functools.cache
def prefix() -> tuple[str, ...]:
    """The command prefix that sets the limits; empty where there is no `prlimit`."""
    program = shutil.which("prlimit")
    if program is None:
        return ()
    return (program, *(f"--{name}={value}" for name, value in limits().items()), "--")


def limits() -> dict[str, int]:
    """The limits by name, in bytes or counts: none above what this process itself may set."""
    return {
        "core": 0,
        "fsize": _at_most(resource.RLIMIT_FSIZE, FILE_BYTES),
        "nofile": _at_most(resource.RLIMIT_NOFILE, OPEN_FILES),
        "nproc": _at_most(resource.RLIMIT_NPROC, PROCESSES),
    }


def _at_most(kind: int, wanted: int) -> int:
    _, hard = resource.getrlimit(kind)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
