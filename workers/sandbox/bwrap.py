"""The strongest rung: a bubblewrap sandbox with an allow-list of the file system and a network of its own."""

import os
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox import allowlist, doors, rlimits
from workers.sandbox.program import SandboxedProgram

_ROOT_DIRECTORIES = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_NOBODY = "65534"
_ACCOUNTS = str(Path(__file__).with_name("passwd.txt"))
"""Names the user of the sandbox, and none of the machine's: programs on Node.js ask for its name."""


@dataclass(frozen=True)
class Bwrap:
    """A bubblewrap that was probed; `disable_userns` and `sizes` where this version has the options.

    Without sizes (before 0.7), `/tmp` and `/dev/shm` have no limit of their own.
    """

    program: str
    disable_userns: bool
    sizes: bool = True
    name: str = "bwrap"
    lifeline: bool = False
    mounts: bool = True
    covers_tmp: bool = True
    own_network: bool = True
    image: None = None

    def argv(self, program: SandboxedProgram, fd: int) -> list[str]:
        command = [*rlimits.prefix(), self.program, "--json-status-fd", str(fd), *self.isolation()]
        command += self._system(program.scratch_bytes)
        if program.network:
            command += _try_read(allowlist.NETWORK)
        command += _try_read(_outermost([*allowlist.own_python(), *program.reads, *doors.sockets(program)]))
        for path in (*program.writes, program.cell):
            command += ["--bind", str(path), str(path)]
        if program.tmp is not None:
            command += ["--bind", *map(str, program.tmp)]
        # The root and /dev are in memory without a limit: both are read-only.
        command += ["--remount-ro", "/dev", "--remount-ro", "/"]
        return [*command, "--chdir", str(program.cwd), "--", *doors.command(program)]

    def isolation(self) -> list[str]:
        """Namespaces and privileges, alike for every program; the environment is the caller's."""
        options = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
        if self.disable_userns:
            options.append("--disable-userns")
        return [*options, "--cap-drop", "ALL", "--uid", _NOBODY, "--gid", _NOBODY]

    def _system(self, scratch_bytes: int) -> list[str]:
        options = ["--ro-bind", "/usr", "/usr"]
        for name in _ROOT_DIRECTORIES:
            path = Path("/", name)
            if path.is_symlink():
                options += ["--symlink", str(path.readlink()), str(path)]
            elif path.is_dir():
                options += ["--ro-bind", str(path), str(path)]
        options += ["--proc", "/proc", "--dev", "/dev"]
        for mount in ("/tmp", "/dev/shm"):  # noqa: S108 — a tmpfs of the sandbox's own
            options += [*(["--size", str(scratch_bytes)] if self.sizes else []), "--tmpfs", mount]
        return [*options, "--ro-bind", _ACCOUNTS, "/etc/passwd", *_try_read(allowlist.SYSTEM)]


def _outermost(paths: list[Path]) -> list[str]:
    """`paths` without those that lie below another of them: nothing can be mounted in a read-only bind."""
    chosen = dict.fromkeys(paths)
    return [str(path) for path in chosen if not any(parent in chosen for parent in path.parents)]


def _try_read(paths: list[str] | tuple[str, ...]) -> list[str]:
    """Read-only binds of the paths that exist and are not in `/usr`; a link is bound to its target."""
    options = []
    for path in dict.fromkeys(paths):
        if path.startswith("/usr/") or not os.path.exists(path):  # noqa: PTH110 — strings in, strings out
            continue
        options += ["--ro-bind", os.path.realpath(path), path]
    return options
