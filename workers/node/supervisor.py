"""`bench worker`: registers the machine, keeps one Celery process alive, and hands work back when told to go."""

import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from db.engine import open_engine, say_again
from db.repositories.machines import Machines
from workers.broker.celery_app import broker_queue
from workers.errors import WorkerError
from workers.node.settings import NodeSettings
from workers.sandbox import ladder
from workers.settings import WorkerSettings
from workers.workcell import sweep_orphans

log = logging.getLogger(__name__)

_NO_CLASS_YET = "none"
_GRACE_SECONDS = 30.0
_RESTART_PAUSE_SECONDS = 1.0
_LOOK_SECONDS = 0.5


class _LeavingError(Exception):
    """Told to leave while waiting for the database."""


class Supervisor:
    """One machine of the farm. `run` returns once `leave` was called and no process is left."""

    def __init__(self, settings: NodeSettings, notify: Callable[[str], None] = log.info) -> None:
        self._settings = settings
        self._notify = notify
        # A plain flag: an Event's lock must not be taken in a signal handler.
        self._leaving = False
        self._child: subprocess.Popen[bytes] | None = None
        self._started = 0

    def leave(self) -> None:
        """Go away: running work is released at once and handed to others. Safe in a signal handler."""
        self._leaving = True
        if self._child is not None:
            # Without the flag (a full disk, a directory that was removed) the grace ends the work.
            with suppress(OSError):
                self._settings.leaving_flag.touch()
            self._child.send_signal(signal.SIGTERM)

    def run(self) -> None:
        """Keep a Celery process running until told to leave. `WorkerError` where this machine has a worker already."""
        settings = self._settings
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        with _alone(settings):
            self._clear_away()
            for line in warnings(settings.sandbox):
                self._notify(line)
            engine = open_engine(settings.database_url, f"bench worker {settings.machine_id}", pool_size=1)
            machines = Machines(engine)
            while not self._leaving:
                try:
                    queues = say_again(
                        lambda: _register(machines, settings),
                        patience_seconds=600.0,
                        sleep=self._sleep,
                    )
                except _LeavingError:
                    return
                engine.dispose()
                self._run_celery(queues)
                if not self._leaving:
                    time.sleep(_RESTART_PAUSE_SECONDS)

    def _sleep(self, seconds: float) -> None:
        if self._leaving:
            raise _LeavingError
        time.sleep(seconds)

    def _run_celery(self, queues: tuple[str, ...]) -> None:
        self._started += 1
        # A flag of its own: a Celery process whose supervisor was killed may still be on its way out here.
        self._settings = replace(self._settings, generation=f"{os.getpid()}.{self._started}")
        # A killed supervisor of the same pid, as in a container, may have left it.
        self._settings.leaving_flag.unlink(missing_ok=True)
        self._child = subprocess.Popen(
            celery_command(self._settings, queues),
            env={**os.environ, **self._settings.environment()},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self._leaving:
            self.leave()
        self._notify(
            f"machine {self._settings.machine_id} works with {self._settings.concurrency} slots,"
            f" sandbox {self._settings.sandbox or 'unknown'}"
        )
        self._wait_for(self._child)
        kill_group(self._child.pid)
        code = self._child.wait()
        self._settings.leaving_flag.unlink(missing_ok=True)
        self._clear_away()
        if not self._leaving:
            self._notify(f"the Celery process ended with {code}; starting another")

    def _clear_away(self) -> None:
        """Workcells and processes of workers that died here; what a living one owns is left alone."""
        sweep_orphans(WorkerSettings.from_environment().work_dir)

    def _wait_for(self, child: subprocess.Popen[bytes]) -> None:
        """Until the Celery process ends; once it is to end, for the grace at most."""
        ended = threading.Event()

        def wait_for_end() -> None:
            child.wait()
            ended.set()

        threading.Thread(target=wait_for_end, daemon=True).start()
        while (
            not self._leaving and not self._settings.leaving_flag.exists() and not ended.wait(_LOOK_SECONDS)
        ):
            pass
        ended.wait(_GRACE_SECONDS)


def warnings(sandbox: str) -> list[str]:
    """What whoever starts a worker must know of it: that it is root's, and what its sandbox does not keep."""
    weakness = ladder.weakness(sandbox) if sandbox else None
    root = ["this worker runs as root: an ordinary user would do"] if ladder.is_root() else []
    return root + ([weakness] if weakness is not None else [])


def _register(machines: Machines, settings: NodeSettings) -> tuple[str, ...]:
    """Announce the machine; the capability classes it serves."""
    known_as = settings.machine_id, settings.machine_token
    queues = machines.register(*known_as, list(settings.capabilities), settings.concurrency)
    if settings.sandbox:
        machines.tell_sandbox(*known_as, settings.sandbox)
    return queues


@contextmanager
def _alone(settings: NodeSettings) -> Iterator[None]:
    """Two workers of one name would take each other's notes for those of a dead one."""
    lock = os.open(settings.run_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise WorkerError(
            f"a worker runs here as machine {settings.machine_id!r} already; give this one another --machine-id"
        ) from None
    finally:
        os.close(lock)


def celery_command(settings: NodeSettings, queues: tuple[str, ...], app: str = "workers.tasks") -> list[str]:
    """The command line of the Celery process."""
    names = [broker_queue(queue) for queue in (*queues, _NO_CLASS_YET)]
    return [
        *(sys.executable, "-m", "celery", "--app", app, "--quiet", "worker"),
        *("--pool", "prefork", "--concurrency", str(settings.concurrency)),
        *("--queues", ",".join(names), "--hostname", f"bench@{settings.machine_id}"),
        *("--loglevel", "WARNING", "--without-mingle", "--without-gossip", "--without-heartbeat"),
    ]


def kill_group(group: int) -> None:
    """End whatever is left of a Celery process' group; its pool children have no other parent."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
