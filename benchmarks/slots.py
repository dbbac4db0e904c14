"""Slot efficiency: sleeping executions on 16 slots, from submit to the last recorded outcome."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import sqlalchemy as sa

from bench.coordinator.loop import make_tick, run_coordinator
from benchmarks.farm import BenchmarkFarm
from benchmarks.rows import bench_of
from benchmarks.sleeping_worker import SECONDS_VARIABLE
from db.repositories.machines import Machines
from db.repositories.plans import Plans
from workers.celery_app import make_app
from workers.doorbell import CeleryDoorbell
from workers.node.settings import NodeSettings
from workers.node.supervisor import celery_command, kill_group

SLOTS = 16


@dataclass(frozen=True)
class SlotResult:
    """One run of sleeping executions."""

    efficiency: float
    """N · sleep ÷ (slots · time from submit to last outcome)."""
    cpu_ms: float
    """CPU of worker, database and coordinator, milliseconds an execution."""
    worker_mib: float
    """Memory of the worker's processes at the end, shared pages divided (PSS)."""
    growth_mib: float
    """How much of it, and of this process with the coordinator in it, came after the first tenth."""


def measure(farm: BenchmarkFarm, count: int, seconds: float) -> SlotResult:
    """Run `count` executions that sleep `seconds`."""
    with _worker(farm, seconds) as worker, _coordinator(farm):
        _wait_until_ready(farm)
        family = [worker, psutil.Process(), _database(farm)]
        cpu_before = sum(_cpu_seconds(process) for process in family)
        bench_id = f"slots-{seconds}-{time.monotonic_ns()}"
        started = time.monotonic()
        Plans(farm.engine).write(bench_of(bench_id, count // 4, 4))
        make_tick(farm.engine, CeleryDoorbell(make_app(farm.broker_url)))()
        _wait_for(farm, bench_id, count // 10)
        early = _memory_mib(worker) + _memory_mib(psutil.Process(), children=False)
        _wait_for(farm, bench_id, count)
        elapsed = _last_outcome_after(farm, bench_id, started)
        cpu = sum(_cpu_seconds(process) for process in family) - cpu_before
        mib = _memory_mib(worker)
        growth = mib + _memory_mib(psutil.Process(), children=False) - early
    return SlotResult(count * seconds / (SLOTS * elapsed), 1000 * cpu / count, mib, growth)


@contextlib.contextmanager
def _worker(farm: BenchmarkFarm, seconds: float) -> Iterator[psutil.Process]:
    run_dir = farm.directory / f"run-{seconds}"
    run_dir.mkdir(exist_ok=True)
    settings = NodeSettings(
        database_url=farm.worker_database_url,
        broker_url=farm.broker_url,
        machine_id="benchmark",
        capabilities=("command",),
        concurrency=SLOTS,
        run_dir=run_dir,
    )
    queues = Machines(farm.engine).register("benchmark", ["command"], SLOTS)
    with farm.engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO farm.queues VALUES ('command', '{command}') ON CONFLICT DO NOTHING")
        )
    child = subprocess.Popen(
        celery_command(settings, (*queues, "command"), app="benchmarks.sleeping_worker"),
        env={
            **os.environ,
            **settings.environment(),
            SECONDS_VARIABLE: str(seconds),
            "BENCH_WORK_DIR": str(farm.directory / "work"),
            "BENCH_ARCHIVES_DIR": str(farm.directory / "archives"),
        },
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield psutil.Process(child.pid)
    finally:
        kill_group(child.pid)
        child.wait()


@contextlib.contextmanager
def _coordinator(farm: BenchmarkFarm) -> Iterator[None]:
    stop = threading.Event()
    one_tick = make_tick(farm.engine, CeleryDoorbell(make_app(farm.broker_url)))
    thread = threading.Thread(target=run_coordinator, args=(one_tick, stop), daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


def _wait_until_ready(farm: BenchmarkFarm) -> None:
    """The worker has greeted the farm and its pool is up."""
    ready = sa.text(
        "SELECT count(*) FROM farm.machines WHERE machine_id = 'benchmark' AND seen_at > started_at"
    )
    while _scalar(farm, ready) == 0:
        time.sleep(0.1)
    time.sleep(1.0)


def _wait_for(farm: BenchmarkFarm, bench_id: str, count: int) -> None:
    done = sa.text("""
        SELECT count(*) FROM farm.executions e JOIN farm.outcomes USING (execution_id) WHERE e.bench_id = :bench""")
    while _scalar(farm, done, bench=bench_id) < count:
        time.sleep(0.2)


def _last_outcome_after(farm: BenchmarkFarm, bench_id: str, started: float) -> float:
    """Seconds from `started` (this process' monotonic clock) to the last outcome (the database's clock)."""
    ago = sa.text("""
        SELECT extract(epoch FROM clock_timestamp() - max(recorded_at)) FROM farm.outcomes
        JOIN farm.executions e USING (execution_id) WHERE e.bench_id = :bench""")
    return time.monotonic() - float(_scalar(farm, ago, bench=bench_id)) - started


def _scalar(farm: BenchmarkFarm, statement: sa.TextClause, **values: str) -> int:
    with farm.engine.connect() as connection:
        found: int = connection.scalar(statement, values)
    return found


def _database(farm: BenchmarkFarm) -> psutil.Process:
    pid = farm.embedded.status()[0].pid
    assert pid is not None
    return psutil.Process(pid)


def _cpu_seconds(process: psutil.Process) -> float:
    """CPU of the process, its living children and those it has reaped."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(one.cpu_times()[:4])
    return total


def _memory_mib(process: psutil.Process, children: bool = True) -> float:
    total = 0.0
    for one in [process, *(process.children(recursive=True) if children else [])]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += one.memory_full_info().pss / 2**20
    return total
