"""Machine heartbeat inside the Celery process: registration, new classes, stale broker connections, dead children."""

import logging
import os
import time
from typing import Any

import sqlalchemy as sa
from celery import bootsteps
from celery.worker import state as worker_state
from sqlalchemy.exc import SQLAlchemyError

from db.engine import open_engine
from db.repositories.leases import Leases
from db.repositories.machines import HeartbeatReply, Machines
from workers.broker.celery_app import broker_queue
from workers.containers.sweep import sweep
from workers.lease.notes import leases_of_dead_processes
from workers.node.settings import NodeSettings
from workers.settings import WorkerSettings

log = logging.getLogger(__name__)

CHECK_IN_SECONDS = 2.0
STALE_SECONDS = 180.0

_last_doorbell = time.monotonic()


def note_doorbell() -> None:
    """Record that a doorbell message arrived."""
    global _last_doorbell  # one clock for the one Celery process
    _last_doorbell = time.monotonic()


def is_connection_stale(
    status: HeartbeatReply, running: int, concurrency: int, silent_seconds: float
) -> bool:
    """Whether the broker connection is stale: work is ready, a slot is free, and no doorbell came for too long."""
    return (
        bool(status.ready)
        and not status.suspended
        and running < concurrency
        and silent_seconds > STALE_SECONDS
    )


class Presence(bootsteps.StartStopStep):  # type: ignore[misc]
    """A consumer step that sends the machine's heartbeat every two seconds.

    Its database connection is opened for each heartbeat and closed after it: the pool's children are forked from
    this process and must not inherit one.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._settings = NodeSettings.from_environment()
        self._token = self._settings.machine_token
        name = f"bench worker {self._settings.machine_id}"
        self._engine = open_engine(self._settings.database_url, name, connect_seconds=3, pool=sa.NullPool)
        self._machines = Machines(self._engine)
        self._supervisor = os.getppid()
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        self._check_in(consumer)
        self._timer = consumer.timer.call_repeatedly(CHECK_IN_SECONDS, self._check_in, (consumer,))

    def stop(self, _consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def close(self, _consumer: Any) -> None:
        """Drain the pool when this Celery process ends for any reason: running leases are released, not awaited."""
        self._settings.leaving_flag.touch()

    def _check_in(self, consumer: Any) -> None:
        if os.getppid() != self._supervisor:
            log.warning("the supervisor has ended: this worker releases its work and ends")
            worker_state.should_stop = 0
        try:
            self._report_the_dead()
            status = self._machines.heartbeat(self._settings.machine_id, self._token)
        except SQLAlchemyError as error:
            log.warning("the database does not answer: %s", str(error).splitlines()[0])
            return
        if not status.known:
            log.warning("this machine is not registered any more: restarting to register again")
            worker_state.should_stop = 0
            return
        for queue in status.queues:
            if broker_queue(queue) not in consumer.app.amqp.queues.consume_from:
                consumer.add_task_queue(broker_queue(queue))
        silent = time.monotonic() - _last_doorbell
        if is_connection_stale(status, len(worker_state.active_requests), self._settings.concurrency, silent):
            log.warning("work is ready and no doorbell came for %.0f s: restarting to reconnect", silent)
            worker_state.should_stop = 0

    def _report_the_dead(self) -> None:
        dead = list(leases_of_dead_processes(self._settings.run_dir))
        if dead:
            # Before the leases are released: no process of the first attempt may run during the second.
            sweep(WorkerSettings.from_environment(with_secrets=False))
        for held in dead:
            log.warning("process %s died with execution %s", held.pid, held.execution)
            Leases(self._engine).report_lost(
                held.execution, held.attempt, held.token, f"process {held.pid} died during the execution"
            )
            held.note.unlink(missing_ok=True)
