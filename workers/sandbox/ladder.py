"""Choice of a sandbox: the strongest rung that a probe showed to work; a weak one only on request."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from workers.errors import WorkerError
from workers.sandbox.bwrap import Bwrap
from workers.sandbox.namespaces import ProcessGroupRung, Unshare
from workers.sandbox.program import MARK, Rung, SandboxedProgram
from workers.spec import Sandbox

STRONGEST = "bwrap"
_Answer = TypeVar("_Answer")
_INSTALL = "apt-get install bubblewrap"
_ABSENT = "there is no bwrap on PATH"
# A machine that is too busy to start a program gives no answer, and none is cached.
_NO_ANSWER = (OSError, subprocess.TimeoutExpired)
_OTHERWISE = (
    "or run what you trust without a sandbox: BENCH_SANDBOX=none (machine) or `sandbox: none` (config)"
)


class SandboxMissingError(WorkerError):
    """The sandbox that was asked for does not work on this machine; the message names the remedy."""


def strictest(*asked: Sandbox) -> Sandbox:
    """The strictest of several requests: `bwrap` before `none` before `auto`."""
    order: tuple[Sandbox, ...] = ("bwrap", "none", "auto")
    return min(asked, key=order.index)


def choose(asked: Sandbox) -> Rung:
    """The rung for `asked`. Raises `SandboxMissingError` where none is strong enough.

    `bwrap` is bubblewrap alone. `auto` is bubblewrap, else `unshare` for an ordinary user: `unshare` isolates root
    too little, and `group` does not stop a hostile program. `none`, which must be asked for, is a process namespace,
    else `group`.
    """
    if asked == "none":
        return _none()
    bwrap = _probed(_bwrap)
    if isinstance(bwrap, Bwrap):
        return bwrap
    if asked == "bwrap":
        raise SandboxMissingError(
            f"sandbox bwrap does not work on this machine: {bwrap}; {_remedy(bwrap)}, or set `sandbox: auto`"
        )
    if is_root():
        raise SandboxMissingError(
            f"as root, work runs in bubblewrap only, and here {bwrap}: {_remedy(bwrap)}, run as an ordinary user, "
            f"{_OTHERWISE}"
        )
    rung = _probed(lambda: _unshare(isolates=True))
    if rung is None:
        raise SandboxMissingError(
            f"no sandbox works on this machine: {bwrap}, and it gives no user namespaces: "
            f"{_remedy(bwrap)}, {_OTHERWISE}"
        )
    return rung


def weakness(rung: str) -> str | None:
    """What a rung below bubblewrap does not isolate, and the remedy, in one line; None for it and for containers."""
    keeps = {
        STRONGEST: None,
        "container": None,
        "unshare": "files outside the home and work directories can be read",
        "none": "files are open, the network is the machine's (no `egress`), set-ups and mirrors read-only",
        "group": "nothing is kept from it, the network is the machine's (no `egress`), a hostile program survives",
    }
    lack = keeps.get(rung, "its strength is not known")
    return None if lack is None else f"sandbox {rung}: {lack}; for more: {_INSTALL}"


def has_own_network(rung: str) -> bool:
    """Whether programs of a rung have a network of their own, so that `egress` decides what they reach."""
    return rung in ("bwrap", "unshare", "container")


def is_root() -> bool:
    """Whether this process runs as root, for which file modes do not count."""
    return os.geteuid() == 0


def _remedy(why: str) -> str:
    return _INSTALL if why == _ABSENT else "allow it to make namespaces"


def _none() -> Rung:
    try:
        return _unshare(isolates=False) or ProcessGroupRung()
    except _NO_ANSWER:
        return ProcessGroupRung()


def _probed(probe: Callable[[], _Answer]) -> _Answer:
    try:
        return probe()
    except _NO_ANSWER as error:
        # No weaker rung is used in the meantime.
        raise SandboxMissingError(f"this machine is too busy to show that a sandbox works: {error}") from None


@functools.cache
def _bwrap() -> Bwrap | str:
    """A bubblewrap that works on this machine, or why none does."""
    program = shutil.which("bwrap")
    if sys.platform != "linux":
        return "this system has no bubblewrap"
    if program is None:
        return _ABSENT
    sizes = "--size" in _output_of([program, "--help"])
    words = ""
    for disable_userns in (True, False):
        rung = Bwrap(program, disable_userns, sizes)
        probe = [program, *rung.isolation(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
        words = _fails([*probe, "--", "/bin/true"]) or ""
        if not words:
            return rung
    return f"bwrap fails ({words})"


@functools.cache
def _unshare(*, isolates: bool) -> Unshare | None:
    unshare, setpriv = shutil.which("unshare"), shutil.which("setpriv")
    if sys.platform != "linux" or unshare is None or setpriv is None:
        return None
    rung = Unshare(unshare, setpriv, isolates)
    # The probe uses all the mounts of a real program, in the worker's own directory of programs.
    directory = Path(sys.executable).parent
    return (
        None
        if _fails(rung.probe(SandboxedProgram(("/bin/true",), {MARK: ""}, Path("/"), directory)))
        else rung
    )


def _output_of(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    return done.stdout.decode(errors="replace")


def _fails(command: list[str]) -> str | None:
    """One line of why the command fails; None where it works."""
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        return None
    return " ".join(done.stderr.decode(errors="replace").split()) or f"exit code {done.returncode}"
