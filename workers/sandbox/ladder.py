"""Which sandbox this machine can give: the best one that was seen to work."""

import functools
import shutil
import subprocess
import sys

from workers.errors import WorkerError
from workers.sandbox.bwrap import Bwrap
from workers.sandbox.minded import Group, Unshare
from workers.sandbox.program import Rung
from workers.spec import Sandbox

# A machine that is too busy to start a program tells nothing of it, and nothing is remembered.
_NO_ANSWER = (OSError, subprocess.TimeoutExpired)


class SandboxMissingError(WorkerError):
    """The sandbox that was asked for does not work on this machine."""


def strictest(*asked: Sandbox) -> Sandbox:
    """What machine and workcell ask for together: isolation first, then none, then whatever is best."""
    order: tuple[Sandbox, ...] = ("bwrap", "none", "auto")
    return min(asked, key=order.index)


def choose(asked: Sandbox) -> Rung:
    """The rung for `asked`: `auto` the best, `bwrap` or nothing, `none` no isolation of files or network."""
    if asked != "none":
        try:
            found = _bwrap()
        except _NO_ANSWER as error:
            found = str(error)
        if isinstance(found, Bwrap):
            return found
        if asked == "bwrap":
            raise SandboxMissingError(
                f"sandbox bwrap does not work on this machine: {found}; install or allow bubblewrap, "
                "or set `sandbox: auto`"
            )
    try:
        return _unshare() or Group()
    except _NO_ANSWER:
        return Group()


@functools.cache
def _bwrap() -> Bwrap | str:
    """Bubblewrap as it works here, or why it does not."""
    program = shutil.which("bwrap")
    if sys.platform != "linux" or program is None:
        return "there is no bwrap on PATH"
    words = ""
    for disable_userns in (True, False):
        rung = Bwrap(program, disable_userns)
        probe = [program, *rung.isolation(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
        words = _fails([*probe, "--", "/bin/true"]) or ""
        if not words:
            return rung
    return words


@functools.cache
def _unshare() -> Unshare | None:
    unshare, setpriv = shutil.which("unshare"), shutil.which("setpriv")
    if sys.platform != "linux" or unshare is None or setpriv is None:
        return None
    rung = Unshare(unshare, setpriv)
    return None if _fails([*rung.prefix(), "/bin/true"]) else rung


def _fails(command: list[str]) -> str | None:
    """One line of why the command fails; None where it works."""
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return None
    return " ".join(done.stderr.decode(errors="replace").split()) or f"exit code {done.returncode}"
