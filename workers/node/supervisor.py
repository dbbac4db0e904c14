"""Supervisor of one machine: registers it, restarts its Celery process, and drains it on a graceful shutdown."""

import fcntl
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from db.engine import open_engine, retry_transient
from db.repositories.machines import Machines
from planner.system.own_module import module_command
from workers.broker.celery_app import broker_queue
from workers.containers.sweep import sweep
from workers.errors import WorkerError
from workers.gateway.keys import resolved
from workers.node.settings import NodeSettings
from workers.sandbox import ladder
from workers.settings import WorkerSettings

log = logging.getLogger(__name__)

_NO_CLASS_YET = "none"
_GRACE_SECONDS = 30.0
_RESTART_PAUSE_SECONDS = 1.0
_LOOK_SECONDS = 0.5
_CELERY_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)


class _LeavingError(Exception):
    """A shutdown was requested while waiting for the database."""


class Supervisor:
    """The supervisor of one machine. `run` returns after `leave`, once no process of it is left."""

    def __init__(self, settings: NodeSettings, notify: Callable[[str], None] = log.info) -> None:
        self._settings = settings
        self._notify = notify
        # A plain flag: an Event's lock must not be taken in a signal handler.
        self._leaving = False
        self._child: subprocess.Popen[bytes] | None = None
        self._started = 0
        # Read once, so that a command runs at the start alone, and not in each child.
        self._keys: dict[str, str] = {}

    def leave(self) -> None:
        """Request a graceful shutdown: running leases are released at once for others. Safe in a signal handler."""
        self._leaving = True
        if self._child is not None:
            # Without the flag (a full disk, a directory that was removed) the work ends with the grace period.
            with suppress(OSError):
                self._settings.leaving_flag.touch()
            self._child.send_signal(signal.SIGTERM)

    def run(self) -> None:
        """Keep a Celery process running until `leave`. Raises `WorkerError` where this machine has a worker already,
        or a provider's key cannot be read.
        """
        settings = self._settings
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        with _alone(settings):
            self._clear_away()
            for line in warnings(settings.sandbox):
                self._notify(line)
            self._keys = resolved(os.environ, self._notify)
            engine = open_engine(settings.database_url, f"bench worker {settings.machine_id}", pool_size=1)
            machines = Machines(engine)
            while not self._leaving:
                try:
                    queues = retry_transient(
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
        # A flag for this process alone: one whose supervisor was killed may still be draining here.
        self._settings = replace(self._settings, generation=f"{os.getpid()}.{self._started}")
        # A killed supervisor of the same pid, as in a container, may have left it.
        self._settings.leaving_flag.unlink(missing_ok=True)
        self._child = subprocess.Popen(
            celery_command(self._settings, queues),
            env={**os.environ, **self._settings.environment(), **self._keys},
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
        """Sweep the workcells and processes of workers that died here; those of living workers are locked."""
        sweep(WorkerSettings.from_environment(with_secrets=False))

    def _wait_for(self, child: subprocess.Popen[bytes]) -> None:
        """Wait until the Celery process ends; after a shutdown request for the grace period at most."""
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
    """Warnings at the start of a worker: that it runs as root, and what its sandbox does not isolate."""
    weakness = ladder.weakness(sandbox) if sandbox else None
    root = ["this worker runs as root: an ordinary user would do"] if ladder.is_root() else []
    return root + ([weakness] if weakness is not None else [])


def _register(machines: Machines, settings: NodeSettings) -> tuple[str, ...]:
    """Register the machine; returns the capability classes that it serves."""
    known_as = settings.machine_id, settings.machine_token
    queues = machines.register(*known_as, list(settings.capabilities), settings.concurrency)
    if settings.sandbox:
        machines.report_sandbox(*known_as, settings.sandbox)
    return queues


@contextmanager
def _alone(settings: NodeSettings) -> Iterator[None]:
    """Exclusive lock of a machine id: two workers of one id would each report the other's leases as lost."""
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
        *module_command("workers.broker.serve", "--app", app, "--quiet", "worker"),
        *("--pool", "prefork", "--concurrency", str(settings.concurrency)),
        *("--queues", ",".join(names), "--hostname", f"bench@{settings.machine_id}"),
        *("--loglevel", log_level_name(), "--without-mingle", "--without-gossip", "--without-heartbeat"),
    ]


def log_level_name() -> str:
    """The level from which on this program logs, which its Celery process takes over."""
    level = logging.getLogger(__name__).getEffectiveLevel()
    return logging.getLevelName(level) if level in _CELERY_LEVELS else "WARNING"


def kill_group(group: int) -> None:
    """SIGKILL to the process group of a Celery process; its pool children have no other parent."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
