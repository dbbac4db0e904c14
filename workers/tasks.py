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
from db.repositories.artifacts import Artifacts
from db.repositories.leases import Leases
from db.repositories.live_output import LiveOutputs
from planner.system.plain_log import is_json, json_line, line_formatter, log_warnings_as_json, never_log_sql
from workers.artifacts.keep import ArtifactKeeper
from workers.broker.celery_app import TASK_NAME, capability_class, make_app
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.lease.attempt import OpenLiveOutput, Run, attempt_next
from workers.lease.live_output import LiveOutput
from workers.lease.notes import LeaseNotes
from workers.lease.timing import LeaseTiming
from workers.node.presence import Presence, note_doorbell
from workers.node.settings import NodeSettings
from workers.node.warm import freeze_heap, warm_up
from workers.settings import WorkerSettings

# A doorbell message serves its class for at most this long, so that no class of the machine starves.
_SLICE_SECONDS = 30.0

# Celery warns before it sets up logging.
log_warnings_as_json()
app = make_app(os.environ.get("BENCH_BROKER_URL", "memory://"))
app.steps["consumer"].add(Presence)


@dataclass(frozen=True)
class WorkerContext:
    """Resources of a pool child."""

    leases: Leases
    machine_id: str
    run: Run
    timing: LeaseTiming
    notes: LeaseNotes
    leaving: Callable[[], bool]
    artifacts: ArtifactKeeper
    live_output: OpenLiveOutput


def run_on(machine: Machine) -> Run:
    """The function that runs an execution on this machine."""
    return lambda order, control: run_execution(order, machine, control)


@lru_cache(maxsize=1)
def context_of(_pid: int) -> WorkerContext:
    """The resources of this pool child, built once and after the fork: a connection does not survive one."""
    node = NodeSettings.from_environment()
    settings = WorkerSettings.from_environment()
    machine = Machine.of(settings)
    engine = open_engine(node.database_url, f"bench worker {node.machine_id}", pool_size=2)
    parent = os.getppid()
    return WorkerContext(
        leases=Leases(engine, node.machine_token),
        machine_id=node.machine_id,
        run=run_on(machine),
        timing=LeaseTiming.from_environment(),
        notes=LeaseNotes(node.run_dir),
        leaving=lambda: node.leaving_flag.exists() or os.getppid() != parent,
        artifacts=ArtifactKeeper(Artifacts(engine), settings.artifacts_url),
        live_output=lambda execution, attempt, token, control: LiveOutput(
            LiveOutputs(engine), execution, attempt, token, control, settings.secrets.values()
        ),
    )


def serve(queue: str, context: WorkerContext) -> None:
    """Run executions of class `queue` until none is ready, its time slice ends, or the machine drains."""
    until = time.monotonic() + _SLICE_SECONDS
    while not context.leaving() and time.monotonic() < until:
        ending = attempt_next(
            context.leases,
            queue,
            context.machine_id,
            context.run,
            context.timing,
            context.notes,
            context.leaving,
            context.artifacts,
            context.live_output,
        )
        if ending is None:
            return


@app.task(name=TASK_NAME, bind=True)
def work(task: Any) -> None:
    """Doorbell task: claim and run executions in the class of this queue."""
    serve(capability_class(task.request.delivery_info["routing_key"]), context_of(os.getpid()))


@signals.after_setup_logger.connect
@signals.after_setup_task_logger.connect
def _log_whole_lines(logger: logging.Logger, format: str, **_: Any) -> None:
    never_log_sql()
    for handler in logger.handlers:
        handler.setFormatter(line_formatter(format))


@signals.worker_init.connect
def _log_the_shutdown_as_json(**_: Any) -> None:
    """Celery writes one line past the log, as text, when it is stopped."""
    if is_json():
        celery_worker.safe_say = lambda text, file=None: os.write(  # noqa: ARG005 — Celery's name
            2, f"{json_line('warning', 'celery.worker', text.strip())}\n".encode()
        )


@signals.worker_init.connect
def _warm_up(**_: Any) -> None:
    warm_up()


@signals.worker_before_create_process.connect
def _freeze_heap(**_: Any) -> None:
    freeze_heap()


@signals.worker_process_init.connect
def _warm_up_child(**_: Any) -> None:
    """Open the child's connection before the first doorbell; a claim of the empty class leases nothing."""
    context = context_of(os.getpid())
    with suppress(SQLAlchemyError):
        context.leases.claim("", context.machine_id, uuid4(), context.timing.lease)


@signals.task_received.connect
def _note_doorbell(**_: Any) -> None:
    note_doorbell()
