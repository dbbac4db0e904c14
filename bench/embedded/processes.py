"""Background processes of a farm, known by pid and start time so that a recycled pid is never touched."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Daemon:
    """A process that outlives the command that started it; its record and log lie in the farm's directory."""

    name: str
    record: Path
    log: Path

    def process(self) -> psutil.Process | None:
        """The living process that was recorded; None where it is gone, or its pid is somebody else's now."""
        try:
            note = json.loads(self.record.read_text(encoding="utf-8"))
            process = psutil.Process(int(note["pid"]))
            same = abs(process.create_time() - float(note["started"])) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
            return None

    @property
    def was_started(self) -> bool:
        """Whether it should be running: started, and not stopped since."""
        return self.record.exists()

    def start(self, argv: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None) -> None:
        """Start it in a session of its own, unless it is alive."""
        if self.process() is not None:
            return
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                argv,
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started = psutil.Process(child.pid).create_time()
        draft = self.record.with_suffix(".draft")
        draft.write_text(json.dumps({"pid": child.pid, "started": started}), encoding="utf-8")
        draft.replace(self.record)

    def stop(self, grace_seconds: float) -> None:
        """SIGTERM, then after the grace SIGKILL to it and all it left behind; returns when nothing lives."""
        process = self.process()
        if process is not None:
            family = [process, *_descendants(process)]
            process.terminate()
            _, alive = psutil.wait_procs([process], timeout=grace_seconds)
            family += [late for one in alive for late in _descendants(one)]
            _kill(family)
        self.record.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The last line of its log, for an error message."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1] if lines else ""


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=10)


def signal_and_wait(pid: int, number: signal.Signals, timeout: float) -> bool:
    """Send a signal and wait until the process is gone; whether it is."""
    try:
        process = psutil.Process(pid)
        os.kill(pid, number)
        process.wait(timeout)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def wait_until(ready: Callable[[], bool], timeout: float, pause: float = 0.02) -> bool:
    """Poll `ready` until it is true or the time is up. For servers that offer no event to wait on."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
