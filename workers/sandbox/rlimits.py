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
    options = ["--core=0", f"--fsize={_at_most(resource.RLIMIT_FSIZE, FILE_BYTES)}"]
    options.append(f"--nofile={_at_most(resource.RLIMIT_NOFILE, OPEN_FILES)}")
    options.append(f"--nproc={_at_most(resource.RLIMIT_NPROC, PROCESSES)}")
    return (program, *options, "--")


def _at_most(kind: int, wanted: int) -> int:
    _, hard = resource.getrlimit(kind)
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
