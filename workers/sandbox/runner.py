"""Runner of the untrusted programs of one workcell: their environment, sandbox and limits."""

import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from workers.control import Control
from workers.sandbox import allowlist, process
from workers.sandbox.capture import redact, shorten
from workers.sandbox.process import ProgramExit, StopConditions
from workers.sandbox.program import MARK, SCRATCH_BYTES, DoorMount, Egress, Rung, SandboxedProgram
from workers.sandbox.proxy_variables import egress_variables, without_proxies
from workers.sandbox.temporary import temporary
from workers.sandbox.watchdog import ResourceLimits

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class MissingProgramError(Exception):
    """The program is missing or not executable; the message names it and the searched path."""


@dataclass(frozen=True)
class ProgramRunner:
    """Runs programs of a workcell in its sandbox, with its environment and resource limits."""

    rung: Rung
    control: Control
    root: Path
    """The workcell's directory, which marks its processes."""
    first_on_path: tuple[Path, ...] = ()
    """Directories before the worker's own Python on PATH: those of the set-up."""
    worker_path: str = _SYSTEM_PATH
    reads: tuple[Path, ...] = ()
    network_env: Mapping[str, str] = field(default_factory=dict)
    """Variables for programs that have the network, such as proxies (those only where it is the machine's)."""
    open_egress: Callable[[], AbstractContextManager[Egress]] | None = field(default=None, repr=False)
    """Opens the route to the outside of a program with the network, where the rung gives it a network of its own;
    None: there is none. Raises `OSError`."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    hidden: tuple[Path, ...] = ()
    """Directories of the farm that are hidden from programs, except the paths passed to `run`."""
    guarded: tuple[Path, ...] = ()
    """Directories that others rely on: read-only for programs, except the paths passed to `run`."""
    resource_limits: ResourceLimits = field(default_factory=ResourceLimits)
    scratch_bytes: int = SCRATCH_BYTES

    @property
    def search_path(self) -> str:
        """PATH: set-up's programs, then the image's, or the worker's own Python and the worker's PATH."""
        if self.rung.image is not None:
            return ":".join([*map(str, self.first_on_path), self.rung.image.path])
        own = Path(sys.executable).parent
        return ":".join([*map(str, self.first_on_path), str(own), self.worker_path])

    def environment(
        self, inside: Path, given: Mapping[str, str], tmp: Path, *, network: bool
    ) -> dict[str, str]:
        """The complete environment of a program that writes `inside`, with `tmp` for temporary files."""
        variables = {**(self.network_env if network else {}), **given}
        if self.rung.own_network:
            variables = without_proxies(variables) | (egress_variables() if network else {})
        return {
            "LANG": "C.UTF-8",
            **variables,
            "PATH": self.search_path,
            "HOME": str(inside / "home"),
            "TMPDIR": str(tmp),
            MARK: str(self.root),
        }

    def find(self, program: str, cwd: Path) -> str:
        """The path of a program's executable, as it will be started; of one in an image what names it there.

        Raises `MissingProgramError`; of programs in an image only for those in the check-out.
        """
        if self.rung.image is not None and ("/" not in program or program.startswith("/")):
            return program
        if "/" in program:
            if shutil.which(str(cwd / program)) is None:
                raise MissingProgramError(f"there is no executable {program}")
            return program
        executable = shutil.which(program, path=self.search_path)
        if executable is None:
            raise MissingProgramError(f"there is no executable {program!r} on this machine's PATH")
        return executable

    def run(
        self,
        argv: tuple[str, ...],
        cwd: Path,
        inside: Path,
        env: Mapping[str, str],
        conditions: StopConditions,
        stdout: Path,
        stderr: Path | None = None,
        *,
        stdin: Path | None = None,
        network: bool = False,
        reads: tuple[Path, ...] = (),
        writes: tuple[Path, ...] = (),
        descriptors: tuple[int, ...] = (),
        doors: tuple[DoorMount, ...] = (),
    ) -> ProgramExit:
        """Run a program that may write `inside` and `writes`.

        Raises `MissingProgramError` and `OSError`, and `ValueError` for doors in a rung without `own_network`.
        """
        executable = self.find(argv[0], cwd)
        with ExitStack() as stack:
            tmp = stack.enter_context(temporary(self.rung, inside / "tmp"))
            egress = stack.enter_context(self._egress()) if network else None
            program = SandboxedProgram(
                argv=(executable, *argv[1:]),
                env=self.environment(inside, env, tmp.path, network=network),
                cwd=cwd,
                cell=inside,
                stdin=stdin,
                network=network,
                reads=(*self.reads, *reads, *self.installation_of(executable)),
                writes=writes if tmp.mounted else (*writes, tmp.path),
                tmp=(tmp.mounted, tmp.path) if tmp.mounted else None,
                descriptors=descriptors,
                hidden=self.hidden,
                guarded=self.guarded,
                scratch_bytes=self.scratch_bytes,
                doors=doors if egress is None else (*doors, *egress.doors),
                memory_bytes=self.resource_limits.memory_bytes,
                processes=self.resource_limits.processes,
            )
            ended = process.run(
                self.rung, program, conditions, self.control, stdout, stderr, self.resource_limits
            )
            return ended if egress is None else replace(ended, refused=egress.refused())

    def installation_of(self, executable: str) -> tuple[Path, ...]:
        """The paths of this machine that an executable needs; none where it is an image's."""
        return () if self.rung.image is not None else allowlist.installation_of(executable)

    def _egress(self) -> AbstractContextManager[Egress | None]:
        if self.open_egress is None or not self.rung.own_network:
            return nullcontext()
        return self.open_egress()

    def text(self, path: Path, limit: int) -> str:
        """Captured output as text: secrets redacted, at most about `limit` bytes, no NUL."""
        return self.log(path, limit).decode("utf-8", "replace").replace("\0", "�")

    def log(self, path: Path, limit: int) -> bytes:
        """Captured output with secrets redacted, shortened in the middle to about `limit` bytes."""
        try:
            data = path.read_bytes()
        except OSError:
            return b""
        return shorten(redact(data, self.secrets.values()), limit)
