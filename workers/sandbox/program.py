"""A program to be run in a sandbox, and the contract of a rung that runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MARK = "BENCH_WORKCELL_MARK"
"""Environment variable carried by every process of a workcell; its value is the workcell's directory."""
SCRATCH_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class DoorMount:
    """A server that a program in a network namespace of its own may reach: 127.0.0.1 at `port` is forwarded to it."""

    socket: Path
    """The server's Unix socket, in a directory that no sandbox shows; at most 107 bytes, as the kernel takes it."""
    port: int


class Egress(Protocol):
    """The route of one program to the outside of its own network: an HTTP proxy, open while the program runs."""

    @property
    def doors(self) -> tuple[DoorMount, ...]:
        """The proxy, at `workers.hosts.EGRESS_PORT`, and further servers."""
        ...

    def refused(self) -> tuple[str, ...]:
        """The refused attempts so far, one line each."""
        ...


@dataclass(frozen=True)
class ImagePrograms:
    """The programs of a container image, which a rung runs in place of this machine's."""

    path: str
    """PATH of the image."""
    python: str = ""
    """Absolute path of its Python; empty where it has none."""
    major: int = 0
    minor: int = 0

    def has_python(self, minor: int) -> bool:
        """Whether it has Python 3 of at least this minor version."""
        return self.major == 3 and self.minor >= minor


@dataclass(frozen=True)
class SandboxedProgram:
    """An untrusted program with all of its permissions."""

    argv: tuple[str, ...]
    """`argv[0]` is absolute, or a path with a slash relative to `cwd`; in an image also a name on its PATH."""
    env: Mapping[str, str]
    """The complete environment, `MARK` included."""
    cwd: Path
    cell: Path
    """The only directory that it may write, where the sandbox isolates files."""
    stdin: Path | None = None
    """None closes its standard input."""
    network: bool = False
    """Whether it may reach the outside: through `doors` where the rung gives it a network of its own."""
    reads: tuple[Path, ...] = ()
    """Files and directories that it may read in addition to the system's."""
    writes: tuple[Path, ...] = ()
    """Directories that it may write in addition to `cell`."""
    tmp: tuple[Path, Path] | None = None
    """A directory of the cell, and the path at which it is mounted for temporary files."""
    descriptors: tuple[int, ...] = ()
    """Open file descriptors that it inherits under the same numbers."""
    hidden: tuple[Path, ...] = ()
    """Directories that are hidden where the sandbox isolates files, except what it may read or write there."""
    guarded: tuple[Path, ...] = ()
    """Directories that others rely on: read-only also in a sandbox that isolates nothing else."""
    scratch_bytes: int = SCRATCH_BYTES
    """Size of each of its file systems in memory, `/tmp` and `/dev/shm`."""
    doors: tuple[DoorMount, ...] = ()
    """What it may reach on its loopback; only where the rung gives it a network of its own."""
    memory_bytes: int | None = None
    """Bound of its memory, where the rung can set one; a watchdog measures it in any rung."""
    processes: int | None = None
    """Bound of its processes, in the same way."""


class Rung(Protocol):
    """A kind of sandbox, by strength: `bwrap`, `unshare`, `none`, `group`; or `container`, with an image's programs.

    When the launcher is destroyed, or this process dies, every process that the program started is killed, new
    sessions and daemons included; in `group` a program that kills its subreaper escapes that. Access to files:
    `bwrap` an allow-list; `unshare` the machine's files read-only, without the home and work directories; `none`
    everything, with set-ups, mirrors and the worker's code read-only; `group` everything; `container` those of its
    image and an allow-list. Access to the network: `bwrap`, `unshare` and `container` a loopback of the program's own,
    with its doors; `none` and `group` the machine's.
    """

    @property
    def name(self) -> str:
        """As recorded with the candidate."""
        ...

    @property
    def lifeline(self) -> bool:
        """Whether `argv` takes the read end of a pipe, at whose end of file the launcher kills everything.

        Otherwise it takes the write end of a pipe for the launcher's JSON lines: `child-pid` and, where the program
        was started, `exit-code`.
        """
        ...

    @property
    def mounts(self) -> bool:
        """Whether a program has mounts of its own, so that `SandboxedProgram.tmp` can be given."""
        ...

    @property
    def covers_tmp(self) -> bool:
        """Whether a program sees a `/tmp` of its own, in which any place can be mounted."""
        ...

    @property
    def own_network(self) -> bool:
        """Whether a program has a network namespace of its own, so that `SandboxedProgram.doors` can be given."""
        ...

    @property
    def image(self) -> ImagePrograms | None:
        """The image whose programs are run; None: this machine's."""
        ...

    def argv(self, program: SandboxedProgram, fd: int) -> list[str]:
        """The launcher's command; `fd` is inherited by it. Raises `ValueError` for doors that it cannot give."""
        ...
