"""Git subprocesses; on untrusted repositories with one fixed configuration."""

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from workers.addresses import without_credentials
from workers.control import Control
from workers.halt import HaltError, StoppedError

CONFIG = Path(__file__).with_name("gitconfig.txt")
_LOCAL_SECONDS = 300.0
_ASK_SECONDS = 0.5
_WORDS_BYTES = 64 * 1024
_LINE = 300
_TELLING = ("fatal:", "error:", "remote: ", "ERROR:", "LFS: ", "batch response: ")
_UNINFORMATIVE = "fatal: Could not read from remote repository"
_INHERITED = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")


class GitError(Exception):
    """A Git command failed; the message is the line of its output that names the failure."""


def git(
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    given: bytes | None = None,
    seconds: float = _LOCAL_SECONDS,
    control: Control | None = None,
    accept: Sequence[int] = (0,),
) -> bytes:
    """Standard output of `git ARGUMENTS`, for which the farm's configuration is the only one.

    Raises `GitError`, after `seconds` too, or `StoppedError` where `control` is cancelled. `accept`: the exit codes
    that are no failure.
    """
    whole = {**isolated_environment(), **(env or {})}
    return run_git(arguments, whole, cwd=cwd, given=given, seconds=seconds, control=control, accept=accept)


def run_git(
    arguments: Sequence[str],
    env: Mapping[str, str],
    *,
    cwd: Path | None = None,
    given: bytes | None = None,
    seconds: float = _LOCAL_SECONDS,
    control: Control | None = None,
    alone: bool = False,
    accept: Sequence[int] = (0,),
) -> bytes:
    """Standard output of Git in exactly this environment. Raises as `git`, and `HaltError` where there is no Git.

    `alone`: it runs in its own session, without a terminal for prompts, and dies with the worker.
    """
    check_git()
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            [*(_mortal() if alone else ()), "git", *arguments],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            # No pipe: a connection that ssh keeps for reuse would hold it open.
            stderr=words,
            start_new_session=alone,
        )
        try:
            out = _communicate(process, given, seconds, control)
        except BaseException:
            _kill(process)
            raise
        if process.returncode not in accept:
            words.seek(0)
            raise GitError(
                git_failure_line(words.read(_WORDS_BYTES)) or f"git ended with {process.returncode}"
            )
    return out


def check_git() -> None:
    """Raises `HaltError` where there is no git on this machine."""
    if shutil.which("git") is None:
        raise HaltError("infra", "there is no git on this machine's PATH; install it: apt-get install git")


def _communicate(
    process: subprocess.Popen[bytes], given: bytes | None, seconds: float, control: Control | None
) -> bytes:
    waited = 0.0
    while True:
        try:
            return process.communicate(given, timeout=_ASK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            waited += _ASK_SECONDS
            given = None
        if control is not None and control.reason is not None:
            raise StoppedError(control.reason.value)
        if waited >= seconds:
            raise GitError(f"no end after {seconds:g} seconds")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill Git and its helpers for remote access; its pipes are not read: a helper may hold them open."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for helper in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                helper.kill()
    process.kill()
    with process:
        pass


@functools.cache
def _mortal() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()


def isolated_environment() -> dict[str, str]:
    """The whole environment of Git on untrusted repositories: without secrets and addresses of the farm."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**inherited, **plain_environment()}


def plain_environment() -> dict[str, str]:
    """The variables that make our configuration the only one."""
    return {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(CONFIG),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C.UTF-8",
    }


def git_failure_line(output: bytes) -> str:
    """The line of Git's standard error that names the failure, with credentials in URLs redacted.

    It is the first line with a known prefix. A server's message is followed by Git's fatal line. Where that line is
    uninformative, it is replaced by the line before it, which is ssh's.
    """
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(_TELLING)]
    words = (telling or lines or [""])[0]
    if words.startswith("remote: ") and (fatal := [line for line in telling if line.startswith("fatal:")]):
        words = f"{words[:_LINE]}; {fatal[0]}"
    elif words.startswith(_UNINFORMATIVE) and lines[0] != words:
        words = lines[lines.index(words) - 1]
    return without_credentials(words)[: 2 * _LINE]
