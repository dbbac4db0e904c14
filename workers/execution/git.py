"""Calling Git with one fixed configuration, on repositories and trees that strangers made."""

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from workers.control import Control
from workers.execution.halt import HaltError, StoppedError
from workers.repository import without_credentials

CONFIG = Path(__file__).with_name("gitconfig.txt")
_LOCAL_SECONDS = 300.0
_ASK_SECONDS = 0.5


class GitError(Exception):
    """A Git command failed; the message is its last words."""


def git(
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    given: bytes | None = None,
    seconds: float = _LOCAL_SECONDS,
    control: Control | None = None,
    far: bool = False,
) -> bytes:
    """Standard output of `git ARGUMENTS`. Raises `GitError`, or `StoppedError` where `control` says stop.

    `HaltError` where there is no git on this machine.
    `far` commands, which talk to far places, have the variables for that and die with the worker.
    """
    check_git()
    process = subprocess.Popen(
        [*(_mortal() if far else ()), "git", *arguments],
        cwd=cwd,
        env={**_inherited(far), **plain_environment(), **(env or {})},
        stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        out, words = _communicate(process, given, seconds, control)
    except BaseException:
        _kill(process)
        raise
    if process.returncode != 0:
        raise GitError(last_words(words) or f"git {arguments[0]} ended with {process.returncode}")
    return out


def check_git() -> None:
    """`HaltError` where there is no git on this machine."""
    if shutil.which("git") is None:
        raise HaltError("infra", "there is no git on this machine's PATH; install it: apt-get install git")


def _communicate(
    process: subprocess.Popen[bytes], given: bytes | None, seconds: float, control: Control | None
) -> tuple[bytes, bytes]:
    waited = 0.0
    while True:
        try:
            return process.communicate(given, timeout=_ASK_SECONDS)
        except subprocess.TimeoutExpired:
            waited += _ASK_SECONDS
            given = None
        if control is not None and control.reason is not None:
            raise StoppedError(control.reason.value)
        if waited >= seconds:
            raise GitError(f"no end after {seconds:g} seconds")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it with its helpers, which talk to far places; its pipes are not read: a helper may hold them open."""
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


_NEAR = ("PATH", "TMPDIR", "LD_LIBRARY_PATH")
_FAR = (
    *("HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("CURL_CA_BUNDLE", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
)


def _inherited(far: bool) -> dict[str, str]:
    """What Git gets of the worker's environment: no secret and no address of the farm is among it."""
    names = (*_NEAR, *_FAR) if far else _NEAR
    return {name: os.environ[name] for name in names if name in os.environ}


def plain_environment() -> dict[str, str]:
    """The variables that leave our configuration as the only one."""
    return {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(CONFIG),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C.UTF-8",
    }


def last_words(output: bytes) -> str:
    """The last telling line of Git's standard error, passwords in URLs blotted out."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote: ", "ERROR:"))]
    return without_credentials((telling or lines or [""])[0].strip())
