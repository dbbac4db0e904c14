"""Slots: how much of 16 slots' time is execution, from submit to the last outcome; at what cost in CPU and memory."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.coordinator.loop import make_tick
from benchmarks import plain_worker, processes
from benchmarks.farm import BenchmarkFarm
from benchmarks.processes import SLOTS
from benchmarks.rows import bench_of
from benchmarks.table import Row, Scale
from db.repositories.plans import Plans
from workers.broker.celery_app import broker_queue, make_app
from workers.broker.doorbell import CeleryDoorbell

_ARMS = 4
_AIMS = {1.0: 0.95, 30.0: 0.99}


@dataclass(frozen=True)
class Used:
    """One run of sleeping executions, or tasks."""

    efficiency: float
    """N · sleep ÷ (slots · time from submit to last outcome)."""
    cpu_ms: float
    """An execution: worker, sandbox, database, broker's share left out, coordinator."""
    slot_mib: float
    """The worker's memory at the end, a slot."""
    worker_mib: tuple[float, ...] = ()
    """After a tenth, half and all of the executions."""
    coordinator_mib: tuple[float, ...] = ()


def rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Efficiency, CPU and memory beside the same sleeps as plain Celery tasks."""
    for seconds, count in scale.slot_executions:
        ours, bare = measure(farm, count, seconds), measure_plain(farm, count, seconds)
        aim = _AIMS.get(seconds)
        yield Row(
            f"slot efficiency, {count} executions of {seconds:g} s on {SLOTS} slots",
            f"{ours.efficiency:.3f}",
            f"plain Celery tasks that sleep as long: {bare.efficiency:.3f}",
            f"{ours.efficiency / bare.efficiency:.1%}",
            "" if aim is None else f"≥{aim:.0%} of the slots' time",
            None if aim is None else ours.efficiency >= aim,
        )
        yield Row(
            f"CPU an execution of {seconds:g} s",
            f"{ours.cpu_ms:.0f} ms",
            f"plain Celery: {bare.cpu_ms:.1f} ms",
            f"{ours.cpu_ms / bare.cpu_ms:.0f}×",
        )
        yield Row(
            f"memory of the worker a slot, {seconds:g} s",
            f"{ours.slot_mib:.0f} MiB",
            f"plain Celery: {bare.slot_mib:.0f} MiB",
            f"{ours.slot_mib / bare.slot_mib:.1f}×",
        )


def memory_rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """What many short executions leave behind in memory."""
    count = scale.short_executions
    used = measure(farm, count, 0.0)
    for name, (tenth, half, end) in (
        (f"worker of {SLOTS} slots", used.worker_mib),
        ("coordinator", used.coordinator_mib),
    ):
        yield Row(
            f"memory of the {name}, {count:,} executions of 0 s",
            f"{end:.0f} MiB at the end",
            f"after a tenth {tenth:.0f} MiB, after half {half:.0f} MiB",
            f"{end / half - 1:+.1%} in the second half",
            "does not grow (≤2 %)",
            end <= 1.02 * half,
        )


def measure(farm: BenchmarkFarm, count: int, seconds: float) -> Used:
    """Run `count` executions that sleep `seconds`, from submit to the last outcome."""
    bell = CeleryDoorbell(make_app(farm.broker_url))
    with processes.worker(farm, seconds) as worker, processes.coordinator(farm) as coordinator:
        family = [worker, coordinator, processes.database(farm)]
        cpu = processes.cpu_seconds(*family)
        bench_id = f"slots-{seconds}-{time.monotonic_ns()}"
        started = time.time()
        Plans(farm.engine).write(bench_of(bench_id, count // _ARMS, _ARMS))
        # `bench submit --wait` ticks at once; a standing coordinator goes on from there.
        make_tick(farm.engine, bell)()
        samples = []
        for part in (count // 10, count // 2, count):
            _wait_for(farm, bench_id, part)
            samples.append([processes.memory_mib(process) for process in (worker, coordinator)])
        elapsed = _last_outcome(farm, bench_id) - started
        cpu = processes.cpu_seconds(*family) - cpu
    workers, coordinators = zip(*samples, strict=True)
    return Used(
        count * seconds / (SLOTS * elapsed), 1000 * cpu / count, workers[-1] / SLOTS, workers, coordinators
    )


def measure_plain(farm: BenchmarkFarm, count: int, seconds: float) -> Used:
    """The same sleeps as tasks of a plain Celery application."""
    app = plain_worker.plain_app(farm.broker_url)
    with processes.plain(farm, seconds) as (worker, log):
        cpu = processes.cpu_seconds(worker)
        started = time.time()
        with app.producer_pool.acquire(block=True) as producer:
            for _ in range(count):
                app.send_task(plain_worker.TASK, queue=broker_queue(plain_worker.QUEUE), producer=producer)
        while len(lines := log.read_text().splitlines()) < count:
            time.sleep(0.1)
        elapsed = max(float(line.split()[1]) for line in lines) - started
        cpu = processes.cpu_seconds(worker) - cpu
        mib = processes.memory_mib(worker)
    return Used(count * seconds / (SLOTS * elapsed), 1000 * cpu / count, mib / SLOTS)


def _wait_for(farm: BenchmarkFarm, bench_id: str, count: int) -> None:
    done = """
        SELECT count(*) FROM farm.cases c JOIN farm.executions e USING (case_id)
        WHERE c.bench_id = :bench AND e.finished_at IS NOT NULL"""
    while farm.scalar(done, bench=bench_id) < count:
        time.sleep(0.2)


def _last_outcome(farm: BenchmarkFarm, bench_id: str) -> float:
    """Seconds since the epoch; the server's clock is this machine's."""
    last = """
        SELECT extract(epoch FROM max(o.recorded_at))::float8 FROM farm.outcomes o
        JOIN farm.executions e USING (execution_id) WHERE e.bench_id = :bench"""
    return float(farm.scalar(last, bench=bench_id))
