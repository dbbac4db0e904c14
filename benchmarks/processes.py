"""The processes of a farm under measurement: a worker, a plain Celery worker, a coordinator; what they use."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import sqlalchemy as sa

from benchmarks import plain_worker, sleeping_worker
from benchmarks.farm import BenchmarkFarm
from benchmarks.rows import QUEUE
from db.repositories.machines import Machines
from workers.broker.celery_app import broker_queue
from workers.node.settings import NodeSettings
from workers.node.supervisor import celery_command, kill_group

SLOTS = 16
MACHINE = "benchmark"
_REPOSITORY = Path(__file__).parents[1]


@contextlib.contextmanager
def worker(farm: BenchmarkFarm, seconds: float) -> Iterator[psutil.Process]:
    """A machine with 16 slots whose executions sleep, ready for work."""
    run_dir = farm.directory / "run"
    run_dir.mkdir(exist_ok=True)
    with farm.engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO farm.queues VALUES (:queue, :needs) ON CONFLICT DO NOTHING"),
            {"queue": QUEUE, "needs": [QUEUE]},
        )
    settings = NodeSettings(farm.worker_database_url, farm.broker_url, MACHINE, (QUEUE,), SLOTS, run_dir)
    queues = Machines(farm.engine).register(MACHINE, settings.machine_token, [QUEUE], SLOTS)
    command = celery_command(settings, queues, app="benchmarks.sleeping_worker")
    env = {
        **settings.environment(),
        sleeping_worker.SECONDS_VARIABLE: str(seconds),
        "BENCH_WORK_DIR": str(farm.directory / "work"),
        "BENCH_ARCHIVES_DIR": str(farm.directory / "archives"),
    }
    with _celery(command, env) as process:
        greeted = "SELECT seen_at > started_at FROM farm.machines WHERE machine_id = 'benchmark'"
        while not farm.scalar(greeted):
            time.sleep(0.1)
        _until_forked(process)
        yield process


@contextlib.contextmanager
def plain(farm: BenchmarkFarm, seconds: float) -> Iterator[tuple[psutil.Process, Path]]:
    """A plain Celery worker with as many slots, on the same broker; and the file its tasks write to."""
    log = farm.directory / "plain.log"
    log.write_text("")
    settings = NodeSettings("", farm.broker_url, "plain", (), SLOTS, farm.directory)
    command = celery_command(settings, (), app="benchmarks.plain_worker")
    place = command.index("--queues") + 1
    command[place] = broker_queue(plain_worker.QUEUE)
    env = {
        "BENCH_BROKER_URL": farm.broker_url,
        plain_worker.SECONDS_VARIABLE: str(seconds),
        plain_worker.LOG_VARIABLE: str(log),
    }
    with _celery(command, env) as process:
        _until_forked(process)
        yield process, log


@contextlib.contextmanager
def coordinator(farm: BenchmarkFarm) -> Iterator[psutil.Process]:
    """`bench coordinator`, as a fleet runs it."""
    env = {"BENCH_DATABASE_URL": farm.database_url, "BENCH_BROKER_URL": farm.broker_url}
    with _program([sys.executable, "-m", "bench.cli.main", "coordinator"], env) as process:
        yield process


@contextlib.contextmanager
def _celery(command: list[str], env: dict[str, str]) -> Iterator[psutil.Process]:
    # Started with `-P`: the applications of this table are found here, not in the working directory.
    with _program(command, {**env, "PYTHONPATH": str(_REPOSITORY)}) as process:
        yield process


@contextlib.contextmanager
def _program(command: list[str], env: dict[str, str]) -> Iterator[psutil.Process]:
    child = subprocess.Popen(
        command,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield psutil.Process(child.pid)
    finally:
        kill_group(child.pid)
        child.wait()


def _until_forked(process: psutil.Process) -> None:
    while len(process.children()) < SLOTS:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            raise RuntimeError("the worker ended before it was ready")
        time.sleep(0.1)
    time.sleep(1.0)


def database(farm: BenchmarkFarm) -> psutil.Process:
    """The server's first process."""
    pid = farm.embedded.status()[0].pid
    if pid is None:
        raise RuntimeError("the database does not run")
    return psutil.Process(pid)


def cpu_seconds(*processes: psutil.Process) -> float:
    """CPU of the processes, their living children and those they have reaped."""
    total = 0.0
    for process in processes:
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(one.cpu_times()[:4])
    return total


def memory_mib(process: psutil.Process) -> float:
    """Memory of a process and its Python children, pages that are shared divided among those who share (PSS).

    What executions run in their sandboxes is not the worker's own and is left out.
    """
    total = 0.0
    for one in [process, *process.children()]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += one.memory_full_info().pss / 2**20
    return total
