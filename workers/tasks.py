"""The Celery entry of a pool child: a thin task over `workers.lease.attempt`."""

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

from celery import signals
from celery.apps import worker as celery_worker
from sqlalchemy.exc import SQLAlchemyError

from db.engine import open_engine
from db.repositories.leases import Leases
from planner.system.plain_log import is_json, json_line, line_formatter, log_warnings_as_json, never_log_sql
from workers.broker.celery_app import TASK_NAME, capability_class, make_app
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.lease.attempt import Run, attempt_next
from workers.lease.notes import LeaseNotes
from workers.lease.timing import LeaseTiming
from workers.node.presence import Presence, heard_a_bell
from workers.node.settings import NodeSettings
from workers.node.warm import settle, warm_up
from workers.settings import WorkerSettings

# One bell serves a class for at most this long, so that the other classes of the machine get their turn.
_TURN_SECONDS = 30.0

# Celery warns before it sets up logging.
log_warnings_as_json()
app = make_app(os.environ.get("BENCH_BROKER_URL", "memory://"))
app.steps["consumer"].add(Presence)


@dataclass(frozen=True)
class Desk:
    """All that a pool child works with."""

    leases: Leases
    machine_id: str
    run: Run
    timing: LeaseTiming
    notes: LeaseNotes
    leaving: Callable[[], bool]


def run_on(machine: Machine) -> Run:
    """How an execution is carried out on this machine."""
    return lambda order, control: run_execution(order, machine, control)


@lru_cache(maxsize=1)
def desk_of(_pid: int) -> Desk:
    """Built once in each pool child, after the fork: a connection does not survive one."""
    node = NodeSettings.from_environment()
    machine = Machine.of(WorkerSettings.from_environment())
    parent = os.getppid()
    return Desk(
        leases=Leases(
            open_engine(node.database_url, f"bench worker {node.machine_id}", pool_size=2), node.machine_token
        ),
        machine_id=node.machine_id,
        run=run_on(machine),
        timing=LeaseTiming.from_environment(),
        notes=LeaseNotes(node.run_dir),
        leaving=lambda: node.leaving_flag.exists() or os.getppid() != parent,
    )


def serve(queue: str, desk: Desk) -> None:
    """Work through class `queue` until nothing is ready, the turn is over, or the machine goes away."""
    until = time.monotonic() + _TURN_SECONDS
    while not desk.leaving() and time.monotonic() < until:
        ending = attempt_next(
            desk.leases, queue, desk.machine_id, desk.run, desk.timing, desk.notes, desk.leaving
        )
        if ending is None:
            return


@app.task(name=TASK_NAME, bind=True)
def work(task: Any) -> None:
    """A bell rang: there is work in the class of this queue."""
    serve(capability_class(task.request.delivery_info["routing_key"]), desk_of(os.getpid()))


@signals.after_setup_logger.connect
@signals.after_setup_task_logger.connect
def _log_whole_lines(logger: logging.Logger, format: str, **_: Any) -> None:
    never_log_sql()
    for handler in logger.handlers:
        handler.setFormatter(line_formatter(format))


@signals.worker_init.connect
def _log_the_shutdown_as_json(**_: Any) -> None:
    """Celery writes one line past the log, as text, when it is told to stop."""
    if is_json():
        celery_worker.safe_say = lambda text, file=None: os.write(  # noqa: ARG005 — Celery's name
            2, f"{json_line('warning', 'celery.worker', text.strip())}\n".encode()
        )


@signals.worker_init.connect
def _warm_up(**_: Any) -> None:
    warm_up()


@signals.worker_before_create_process.connect
def _settle(**_: Any) -> None:
    settle()


@signals.worker_process_init.connect
def _sit_down(**_: Any) -> None:
    """Have the desk ready and its connection open before the first bell; a claim in no class takes nothing."""
    desk = desk_of(os.getpid())
    with suppress(SQLAlchemyError):
        desk.leases.claim("", desk.machine_id, uuid4(), desk.timing.lease)


@signals.task_received.connect
def _bell(**_: Any) -> None:
    heard_a_bell()
