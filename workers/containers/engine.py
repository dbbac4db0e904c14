"""Container engine: the podman or docker command line of this machine, and the options that every container gets."""

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from workers.errors import WorkerError
from workers.sandbox import rlimits
from workers.untrusted import one_line

Kind = Literal["podman", "docker"]
LABEL: Final = "bench-farm.workcell"
"""Label of every container; its value is the directory of the workcell."""
INSTALL: Final = "apt-get install podman runc"
_KINDS: Final[tuple[Kind, ...]] = ("podman", "docker")
_OFF: Final = "none"
_RUNTIMES: Final = ("", "runc", "crun")
"""Tried in this order, the engine's own default first."""
_ASK_SECONDS: Final = 60.0
_WORDS: Final = 300
_PASSED: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "DBUS_SESSION_BUS_ADDRESS"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE"),
    *("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF"),
    *("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"),
)
"""Variables of the worker that the engine itself reads; none of them reaches a container."""


class EngineMissingError(WorkerError):
    """No container engine works on this machine; the message names the remedy."""


@dataclass(frozen=True)
class Engine:
    """A container engine that was probed."""

    program: str
    kind: Kind
    runtime: str = ""
    """The OCI runtime; empty: the engine's own default."""
    is_rootless: bool = False
    has_limits: bool = True
    """Whether it can bound memory, processors and processes of a container (cgroups)."""

    def command(self, *arguments: str) -> list[str]:
        """The command line of the engine."""
        return [self.program, *arguments]

    def ask(self, *arguments: str, seconds: float = _ASK_SECONDS) -> "subprocess.CompletedProcess[str]":
        """Run the engine and capture what it prints. Raises `OSError` and `subprocess.TimeoutExpired`."""
        return _ask(self.command(*arguments), seconds)

    @property
    def user(self) -> str:
        """The user of a container's programs, so that the files that they write are this user's.

        Root of a rootless container is this user.
        """
        return "0:0" if self.is_rootless else f"{os.geteuid()}:{os.getegid()}"

    def isolation(self) -> list[str]:
        """Options of `run` that are alike for every container: no network, no privileges, a read-only root."""
        options = ["--rm", "--pull", "never", "--network", "none", "--entrypoint", "", "--read-only"]
        options += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", self.user]
        options += ["--security-opt", "label=disable", "--hostname", "sandbox", "--no-healthcheck"]
        options += ["--runtime", self.runtime] if self.runtime else []
        for name, value in rlimits.limits().items():
            options += ["--ulimit", f"{name}={value}:{value}"]
        if self.kind == "docker":
            return [*options, "--log-driver", "none"]
        options += ["--read-only-tmpfs=false", "--image-volume", "ignore", "--http-proxy=false"]
        # A cgroup for the engine's own monitor would cost a tenth of a start.
        return [*options, "--log-driver", "passthrough", "--cgroups", "no-conmon"]

    def bounds(self, memory_bytes: int | None, processes: int | None, cpus: float | None) -> list[str]:
        """Options of `run` that bound a container by cgroups; empty where the engine cannot."""
        if not self.has_limits:
            return []
        options = [] if memory_bytes is None else ["--memory", f"{memory_bytes}b"]
        options += [] if memory_bytes is None else ["--memory-swap", f"{memory_bytes}b"]
        options += ["--pids-limit", str(rlimits.PROCESSES if processes is None else _threads(processes))]
        return options + ([] if cpus is None else ["--cpus", f"{cpus:g}"])


def find_engine(asked: str = "", runtime: str = "") -> Engine:
    """The engine of this machine: `asked` (podman, docker, a path of one, none), else podman, else docker.

    Raises: `EngineMissingError` where none works, or none is wanted.
    """
    engine = _probed(asked, runtime, os.environ.get("PATH", os.defpath))
    if isinstance(engine, str):
        raise EngineMissingError(engine)
    return engine


def host_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The worker's own variables that the engine needs."""
    return {name: environment[name] for name in _PASSED if name in environment}


def last_line(text: str) -> str:
    """The last line of a program's words, bounded."""
    lines = [line for line in text.splitlines() if line.strip()]
    return one_line(lines[-1], _WORDS) if lines else "no output"


def _threads(processes: int) -> int:
    """The kernel counts threads, the watchdog processes: this only stops what outruns the watchdog."""
    return max(rlimits.PROCESSES, 4 * processes)


@functools.cache
def _probed(asked: str, runtime: str, path: str) -> Engine | str:
    """An engine that works, or why none does, in one line."""
    if asked == _OFF:
        return "containers are switched off here (BENCH_CONTAINER_ENGINE=none)"
    names = (asked,) if asked else _KINDS
    programs = [program for name in names if (program := shutil.which(name, path=path)) is not None]
    if not programs:
        return f"there is no {asked or 'podman or docker'} on PATH: {INSTALL}, or name one in BENCH_CONTAINER_ENGINE"
    problems = []
    for program in programs:
        probe = _docker if Path(program).name.startswith("docker") else _podman
        engine = _tried(probe, program, runtime)
        if isinstance(engine, Engine):
            return engine
        problems.append(engine)
    return f"no container engine works here: {'; '.join(problems)}"


def _tried(probe: Callable[[str, str], Engine | str], program: str, runtime: str) -> Engine | str:
    try:
        return probe(program, runtime)
    except (OSError, subprocess.TimeoutExpired) as error:
        return one_line(f"{program}: {error}", _WORDS)


def _docker(program: str, runtime: str) -> Engine | str:
    done = _ask([program, "info", "--format", "{{.ID}} {{json .SecurityOptions}}"], _ASK_SECONDS)
    if done.returncode:
        return f"{program}: {last_line(done.stderr)}"
    return Engine(program, "docker", runtime, is_rootless="rootless" in done.stdout)


def _podman(program: str, runtime: str) -> Engine | str:
    """Tries a container of this machine's own programs: with each runtime, then without limits."""
    done = _ask([program, "info", "--format", "{{.Host.Security.Rootless}}"], _ASK_SECONDS)
    if done.returncode:
        return f"{program}: {last_line(done.stderr)}"
    is_rootless = done.stdout.strip() == "true"
    first = ""
    for has_limits in (True, False):
        for each in (runtime,) if runtime else _RUNTIMES:
            engine = Engine(program, "podman", each, is_rootless, has_limits)
            words = _fails(engine)
            if words is None:
                return engine
            first = first or words
    return f"{program}: {first}; another OCI runtime is named in BENCH_CONTAINER_RUNTIME ({INSTALL})"


def _fails(engine: Engine) -> str | None:
    """Why `/usr/bin/true` of this machine cannot run in a container; None where it can."""
    with tempfile.TemporaryDirectory(prefix="bench-probe-", ignore_cleanup_errors=True) as directory:
        root = Path(directory)
        for name in ("usr", "proc", "sys", "dev", "tmp", "run", "etc"):
            (root / name).mkdir()
        for name in ("bin", "sbin", "lib", "lib32", "lib64"):
            (root / name).symlink_to(f"usr/{name}")
        options = [*engine.isolation(), *engine.bounds(1 << 28, None, 1.0), "--volume", "/usr:/usr:ro"]
        options = [each for each in options if each not in ("--pull", "never")]
        done = engine.ask("run", *options, "--rootfs", directory, "/usr/bin/true")
    return None if done.returncode == 0 else last_line(done.stderr)


def _ask(command: list[str], seconds: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        env=host_variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=seconds,
        check=False,
    )
