"""Launcher of one container: runs the engine, and removes the container when the program or the worker ends.

Started without site packages as `main(FD, PLAN)`; PLAN is the JSON of `LaunchPlan`. FD is the write end of a pipe. It
takes two JSON lines: `child-pid` once the container runs, which is its first process, and `exit-code` when it has
ended. When the pipe has no reader any more, because the worker is dead or has had enough, the container is killed
with all of its processes. The launcher adopts what the engine leaves behind, so that these are its descendants.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from typing import Any

from workers.sandbox.subreaper import adopt_orphans, exit_code, kill_all, reap, start, wake_on_exit

PRIVATE = "{private}"
"""In the engine's command: a new directory of the launcher."""
PID_FILE = "pid"
DESCRIPTORS = "descriptors"
ENV_FILE = "env"
"""Variables of the container, one `NAME=VALUE` a line; other users can read command lines, but not this file."""
_START_SECONDS = 60.0
_END_SECONDS = 10.0
_LOOK_MS = 10
_OOM_MS = 50
"""Time between two looks at how often the kernel has killed for memory."""


class Launcher:
    """One run of the engine."""

    def __init__(self, information: int, plan: dict[str, Any], private: str) -> None:
        self._information = information
        self._plan = plan
        self._private = private
        self._client = 0
        self._status: int | None = None
        self._pid = 0
        self._oom_file: int | None = None
        self._poll = select.poll()
        self._listener: socket.socket | None = None

    def run(self) -> int:
        """Run the container to its end; returns the exit code of its program, or the engine's own."""
        adopt_orphans()
        wake = wake_on_exit()
        self._poll.register(wake, select.POLLIN)
        self._poll.register(self._information, 0)  # reports only that there is no reader any more
        for number in self._plan["descriptors"]:
            os.set_inheritable(
                number, False
            )  # not the engine's: what is read from them ends with the program
        if self._plan["descriptors"]:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(f"{self._private}/{DESCRIPTORS}")
            self._listener.listen(1)
            self._poll.register(self._listener, select.POLLIN)
        command = [word.replace(PRIVATE, self._private) for word in self._plan["command"]]
        inherited = {name: os.environ[name] for name in self._plan["inherited"]}
        self._write_variables()
        self._client = start(command, {**inherited, **self._plan["environment"]})
        deadline = time.monotonic() + _START_SECONDS
        while self._status is None:
            if not self._turn(wake) or (not self._pid and time.monotonic() > deadline):
                self._stop()
                return 128 + signal.SIGKILL
        if not self._pid:
            self._look_for_pid()  # a quick one has ended already
        if self._pid:
            self._tell({"exit-code": exit_code(self._status)})
        return exit_code(self._status)

    def _turn(self, wake: int) -> bool:
        """Wait for the next event; False when the container must be stopped."""
        wait = _LOOK_MS if not self._pid else _OOM_MS if self._oom_file is not None else None
        for fd, _ in self._poll.poll(wait):
            if fd == self._information:
                return False
            if fd == wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
                self._status = reap(self._client)
            elif self._listener is not None:
                self._send_descriptors(self._listener)
        if not self._pid:
            self._look_for_pid()
        return not self._is_out_of_memory()

    def _look_for_pid(self) -> None:
        try:
            with open(f"{self._private}/{PID_FILE}", encoding="ascii") as file:  # noqa: PTH123
                self._pid = int(file.read())
        except (OSError, ValueError):
            self._pid = self._asked_pid()
        if self._pid:
            self._remove_variables()
            self._tell({"child-pid": self._pid})
            self._oom_file = _oom_file(self._pid)

    def _write_variables(self) -> None:
        content = b"".join(os.fsencode(f"{name}={os.environ[name]}\n") for name in self._plan["filed"])
        path = f"{self._private}/{ENV_FILE}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(content)

    def _remove_variables(self) -> None:
        """The engine has read them; the directory goes only when the program has ended."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self._private}/{ENV_FILE}")  # noqa: PTH108

    def _asked_pid(self) -> int:
        """The first process' id as the engine prints it, where it writes no file of it; 0 while there is none."""
        text = self._engine(self._plan["ask_pid"]).strip() if self._plan["ask_pid"] else ""
        return int(text) if text.isdecimal() else 0

    def _send_descriptors(self, listener: socket.socket) -> None:
        """Send the descriptors to the first that asks: the container's own first process."""
        self._poll.unregister(listener)
        self._listener = None
        numbers = self._plan["descriptors"]
        with listener, contextlib.suppress(OSError):
            receiver, _ = listener.accept()
            with receiver:
                socket.send_fds(receiver, [json.dumps(numbers).encode()], numbers)
        for number in numbers:
            os.close(number)

    def _is_out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of the container for its memory, which is then told."""
        if self._oom_file is None:
            return False
        try:
            words = os.pread(self._oom_file, 4096, 0).split()
            kills = int(words[words.index(b"oom_kill") + 1])
        except (OSError, ValueError, IndexError):
            return False
        if kills:
            self._tell({"out-of-memory": kills})
        return kills > 0

    def _stop(self) -> None:
        """Kill the container, let the engine remove it, and kill and remove what is left after a while."""
        if self._pid:
            try:
                os.kill(self._pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            except PermissionError:  # a daemon's
                self._engine(self._plan["remove"])
            end = time.monotonic() + _END_SECONDS
            while self._status is None and time.monotonic() < end:
                time.sleep(0.005)
                self._status = reap(self._client)
        if self._status is None:
            kill_all(self._client)
            self._engine(self._plan["remove"])

    def _engine(self, command: list[str]) -> str:
        """Run the engine again; what it prints."""
        import subprocess  # costs milliseconds, so only where it is needed

        try:
            done = subprocess.run(
                command,
                env=self._plan["environment"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_END_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout

    def _tell(self, information: dict[str, int]) -> None:
        with contextlib.suppress(OSError):
            os.write(self._information, json.dumps(information).encode() + b"\n")


def _oom_file(pid: int) -> int | None:
    """A descriptor of the kernel's count of processes of the container killed for memory; None where it keeps none."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:  # noqa: PTH123
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except (OSError, ValueError):
        return None
    for _, controllers, path in lines:
        if controllers == "memory":
            return _opened(f"/sys/fs/cgroup/memory{path}/memory.oom_control")
    return next((_opened(f"/sys/fs/cgroup{path}/memory.events") for _, name, path in lines if not name), None)


def _opened(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def main(information: int, plan: dict[str, Any]) -> int:
    """Run one container in a private directory of the launcher."""
    os.set_inheritable(information, False)
    private = tempfile.mkdtemp(prefix=f"bench-{os.geteuid()}-container-", dir=plan["directory"])
    try:
        return Launcher(information, plan, private).run()
    finally:
        shutil.rmtree(private, ignore_errors=True)


def from_arguments() -> None:
    """Entry point: `FD PLAN`."""
    sys.exit(main(int(sys.argv[1]), json.loads(sys.argv[2])))
