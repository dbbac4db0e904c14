"""Rung `container`: each program runs in a container of its own, made of an image, with an allow-list of mounts."""

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import pathspec

import planner
import workers
from workers.containers.contain import DESCRIPTORS, ENV_FILE, PID_FILE, PRIVATE
from workers.containers.engine import LABEL, Engine, host_variables
from workers.containers.images import Image
from workers.sandbox import doors, receive, subreaper
from workers.sandbox.program import MARK, ImagePrograms, SandboxedProgram
from workers.sandbox.runner import MissingProgramError

NAME: Final = "container"
_PYTHON_INSIDE: Final = 9
"""Minor version of the Python that our scripts in a container need."""
_ENGINE_OWN: Final = frozenset(
    (
        *(MARK, "PATH", "HOME", "TMPDIR", "LANG"),
        *("GODEBUG", "GOTRACEBACK", "GOMAXPROCS", "GOGC", "GOMEMLIMIT"),
    )
)
"""Variables that the engine itself reads: they reach the container by a file, and not by the engine's environment."""
_ENGINE_BEGINNINGS: Final = ("CONTAINER", "DOCKER_", "XDG_", "LD_", "DBUS_", "REGISTRY_")
"""Beginnings of further such names."""
_OWN_PACKAGES: Final = tuple(Path(next(iter(package.__path__))) for package in (workers, planner, pathspec))
"""What `python -m workers.repair` and the scripts of the sandbox are made of; pure Python, and no secret in it."""
_START: Final = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from workers.containers.contain import from_arguments; from_arguments()"
)
_MODULE: Final = (
    "import runpy, sys; sys.path += sys.argv[1].split(':'); del sys.argv[:2]; "
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)
_MODULE_PYTHON: Final = 11
_TMPFS: Final = ("/tmp", "/var/tmp", "/run")  # noqa: S108 — file systems of the container's own


@dataclass(frozen=True)
class LaunchPlan:
    """Input of the launcher, `contain.py`."""

    command: list[str]
    environment: dict[str, str]
    """The engine's own variables."""
    inherited: list[str]
    """Names of the program's variables, which the engine takes from its environment: no value is on a command line."""
    filed: list[str]
    """Names of those that the engine would read itself, which it takes from a file."""
    descriptors: list[int]
    remove: list[str]
    ask_pid: list[str]
    """Prints the id of the container's first process; empty where a file holds it."""
    directory: str


@dataclass(frozen=True)
class Container:
    """A container engine and one image of it."""

    engine: Engine
    of: Image
    cpus: float | None = None
    """Processors of one program; None: all."""
    name: str = NAME
    lifeline: bool = False
    mounts: bool = True
    covers_tmp: bool = True
    own_network: bool = True

    @property
    def image(self) -> ImagePrograms:
        """The programs of the image."""
        return self.of.programs

    def argv(self, program: SandboxedProgram, fd: int) -> list[str]:
        plan = self.plan(program)
        start = [sys.executable, "-I", "-S", "-c", _START, str(_OWN_PACKAGES[0].parent)]
        return [*start, str(fd), json.dumps(asdict(plan))]

    def plan(self, program: SandboxedProgram) -> LaunchPlan:
        """The run of the engine for a program.

        Raises `MissingProgramError` for a Python that the image lacks, and `ValueError` for a path or the value of a
        variable that the engine's syntax cannot hold.
        """
        identity = f"bench-{uuid4().hex[:16]}"
        inside = self._command(program)
        filed = [name for name in program.env if _is_read_by_engine(name)]
        _check_lines(filed, program.env)
        inherited = [name for name in program.env if name not in filed]
        command = ["run", "--name", identity, "--label", f"{LABEL}={program.env[MARK]}"]
        command += [*self.engine.isolation(), "--shm-size", f"{program.scratch_bytes}b"]
        command += self.engine.bounds(program.memory_bytes, program.processes, self.cpus)
        command += [*self._mounts(program), "--workdir", str(program.cwd)]
        command += ["--interactive"] if program.stdin is not None else []
        command += ["--env-file", f"{PRIVATE}/{ENV_FILE}"]
        for name in inherited:
            command += ["--env", name]
        is_podman = self.engine.kind == "podman"
        command += ["--pidfile", f"{PRIVATE}/{PID_FILE}"] if is_podman else []
        asked = self.engine.command("inspect", "--format", "{{.State.Pid}}", identity)
        return LaunchPlan(
            command=self.engine.command(*command, self.of.image_id, *inside),
            environment=host_variables(),
            inherited=inherited,
            filed=filed,
            descriptors=list(program.descriptors),
            remove=self.engine.command("rm", "--force", *(("--time", "0") if is_podman else ()), identity),
            ask_pid=[] if is_podman else asked,
            directory=tempfile.gettempdir(),
        )

    def _command(self, program: SandboxedProgram) -> list[str]:
        """The program behind our scripts, which the image's Python runs; alone where it has none."""
        python = self.image.python
        if not self.image.has_python(_PYTHON_INSIDE):
            for wanted, what in (
                (program.doors, "a way to the network or to a model"),
                (program.descriptors, "a gate that reports its tests"),
            ):
                if wanted:
                    raise MissingProgramError(
                        f"image {self.of.name} has no Python 3.9 on its PATH, which {what} needs"
                    )
            return self._translated(program)
        behind = SandboxedProgram(
            tuple(self._translated(program)), program.env, program.cwd, program.cell, doors=program.doors
        )
        command = doors.command(behind, python)
        if program.descriptors:
            command = [python, "-I", "-S", receive.__file__, f"/run/{DESCRIPTORS}", "--", *command]
        return [python, "-I", "-S", subreaper.__file__, "-", "--", *command]

    def _translated(self, program: SandboxedProgram) -> list[str]:
        """The program, where it is the worker's Python with one of its modules: by the image's Python."""
        executable, *arguments = program.argv
        if executable != sys.executable:
            return list(program.argv)
        needed = _MODULE_PYTHON if arguments[:2] == ["-P", "-m"] else _PYTHON_INSIDE
        if not self.image.has_python(needed):
            what = arguments[2] if needed == _MODULE_PYTHON else "a part of the farm"
            raise MissingProgramError(
                f"image {self.of.name} has no Python 3.{needed} on its PATH, which {what} needs"
            )
        if needed == _MODULE_PYTHON:
            paths = ":".join(dict.fromkeys(str(path.parent) for path in _OWN_PACKAGES))
            arguments = ["-P", "-c", _MODULE, paths, *arguments[2:]]
        return [self.image.python, *arguments]

    def _mounts(self, program: SandboxedProgram) -> list[str]:
        options = []
        for name in _TMPFS:
            options += ["--tmpfs", f"{name}:rw,nosuid,nodev,size={program.scratch_bytes},mode=1777"]
        readable = [*_OWN_PACKAGES, *program.reads, *doors.sockets(program)]
        for path in _outermost(path for path in readable if os.path.lexists(path)):
            options += _bind(os.path.realpath(path), str(path), "ro")
        for path in dict.fromkeys((*program.writes, program.cell)):
            options += _bind(str(path), str(path), "rw")
        if program.tmp is not None:
            options += _bind(str(program.tmp[0]), str(program.tmp[1]), "rw")
        if program.descriptors:
            options += _bind(f"{PRIVATE}/{DESCRIPTORS}", f"/run/{DESCRIPTORS}", "rw")
        return options


def _bind(source: str, target: str, mode: str) -> list[str]:
    """A bind mount. Raises `ValueError` for a path that the engine's syntax cannot hold."""
    if any(character in f"{source}{target}" for character in ":,\n"):
        raise ValueError(f"a path with a colon or comma cannot be mounted in a container: {source}")
    return ["--volume", f"{source}:{target}:{mode},nosuid,nodev"]


def _outermost(paths: Iterator[Path]) -> list[Path]:
    """`paths` without those that lie below another of them."""
    chosen = dict.fromkeys(paths)
    return [path for path in chosen if not any(parent in chosen for parent in path.parents)]


def _is_read_by_engine(name: str) -> bool:
    return name in _ENGINE_OWN or name.startswith(_ENGINE_BEGINNINGS)


def _check_lines(names: Iterable[str], env: Mapping[str, str]) -> None:
    """Check that values fit in a file of variables. Raises `ValueError`."""
    for name in names:
        if "\n" in env[name] or "\r" in env[name]:
            raise ValueError(
                f"variable {name} has a line break, which cannot be given to a container: write it in one line"
            )
