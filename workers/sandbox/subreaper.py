"""Child subreaper: the parent of one program, which adopts the program's orphans and kills every descendant.

Started as a script, `subreaper.py FD -- PROGRAM …`, without site packages. It ends when the program ends or
when the pipe FD reaches its end, which also happens when the worker dies, and kills every descendant first.
It exits with the program's exit code, or 128 plus the signal's number. As the first process of a container, with the
image's Python (3.9), FD is `-`: the container ends with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Make every orphan below this process its child; needless for the first process of a namespace."""
    if sys.platform == "linux" and os.getpid() != 1:
        import ctypes  # costs milliseconds, so only where it is needed

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(argv: list[str], env: dict[str, str] | None = None) -> int:
    """Fork the program into a session of its own, with `env` in place of this process' variables; the child never
    returns."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], argv, os.environ if env is None else env)  # noqa: S606 — a list, never a shell
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode(errors="replace"))
    finally:
        os._exit(127)


def reap(main: int) -> int | None:
    """Reap ended children; returns the main program's wait status where it is among them."""
    status = None
    while True:
        try:
            pid, code = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == main:
            status = code


def children() -> list[int]:
    """Process ids of the direct children, adopted ones included."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:  # noqa: PTH123
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def kill_all(main: int) -> None:
    """Kill and reap every descendant: the children of a killed child are adopted and killed next."""
    while True:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(main, signal.SIGKILL)
        for pid in children():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def wake_on_exit() -> int:
    """Ignore requests to end, and return a descriptor that becomes readable when a child has ended."""
    wake, waker = os.pipe()
    for fd in (wake, waker):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return wake


def exit_code(status: int) -> int:
    """The exit code of a wait status, or 128 plus the signal's number."""
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def main(lifeline: int | None, argv: list[str]) -> int:
    """Run `argv` until it ends or the lifeline pipe is closed; returns its exit code."""
    adopt_orphans()
    wake = wake_on_exit()
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    if lifeline is not None:
        os.set_inheritable(lifeline, False)
        poll.register(lifeline, select.POLLIN | select.POLLHUP)
    pid = start(argv)
    status: int | None = None
    while status is None:
        if any(fd == lifeline for fd, _ in poll.poll()):
            break
        os.read(wake, 4096)
        status = reap(pid)
    kill_all(pid)
    return 128 + signal.SIGKILL if status is None else exit_code(status)


if __name__ == "__main__":
    sys.exit(main(None if sys.argv[1] == "-" else int(sys.argv[1]), sys.argv[3:]))
