"""From the doorbell to the claim, where every slot is idle."""

import statistics
import time
from collections.abc import Iterator, Sequence

from benchmarks import plain_worker, processes
from benchmarks.farm import BenchmarkFarm, admit_all
from benchmarks.rows import QUEUE, bench_of
from benchmarks.table import Row, Scale
from db.repositories.plans import Plans
from workers.broker.celery_app import broker_queue, make_app
from workers.broker.doorbell import CeleryDoorbell

_PAUSE_SECONDS = 0.1


def rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Latency of single bells."""
    ours, bare = _claims(farm, scale.bells), _starts(farm, scale.bells)
    for name, share in (("p50", 0.50), ("p99", 0.99)):
        mine, plain = _quantile(ours, share), _quantile(bare, share)
        yield Row(
            f"doorbell to claim, idle, {name} of {scale.bells}",
            f"{mine * 1000:.0f} ms",
            f"plain Celery, send to start: {plain * 1000:.0f} ms",
            f"{mine / plain:.1f}×",
            "≤1.5 s" if name == "p99" else "",
            mine <= 1.5 if name == "p99" else None,
        )


def _quantile(values: Sequence[float], share: float) -> float:
    if share == 0.5:
        return statistics.median(values)
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _claims(farm: BenchmarkFarm, count: int) -> list[float]:
    bell = CeleryDoorbell(make_app(farm.broker_url))
    found = []
    with processes.worker(farm, 0.0):
        for number in range(count):
            bench_id = f"bell-{number}"
            Plans(farm.engine).write(bench_of(bench_id, 1, 1))
            admit_all(farm.engine, bench_id)
            rung = time.time()
            bell.ring(QUEUE, 1)
            found.append(_claimed_at(farm, bench_id) - rung)
            time.sleep(_PAUSE_SECONDS)
    return found


def _claimed_at(farm: BenchmarkFarm, bench_id: str) -> float:
    ended = """
        SELECT extract(epoch FROM a.claimed_at)::float8 FROM farm.attempts a JOIN farm.executions e USING (execution_id)
        WHERE e.bench_id = :bench AND a.ended_at IS NOT NULL"""
    while (claimed := farm.scalar(ended, bench=bench_id)) is None:
        time.sleep(0.02)
    return float(claimed)


def _starts(farm: BenchmarkFarm, count: int) -> list[float]:
    app = plain_worker.plain_app(farm.broker_url)
    found = []
    with processes.plain(farm, 0.0) as (_, log):
        for number in range(count):
            sent = time.time()
            app.send_task(plain_worker.TASK, queue=broker_queue(plain_worker.QUEUE))
            while len(lines := log.read_text().splitlines()) <= number:
                time.sleep(0.02)
            found.append(float(lines[-1].split()[0]) - sent)
            time.sleep(_PAUSE_SECONDS)
    return found
