"""The plane alone: claims and completions through the repositories, against bare single-row commits."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from uuid import UUID, uuid4

import psycopg

from benchmarks.farm import BenchmarkFarm, admit_all
from benchmarks.rows import QUEUE, bench_of
from benchmarks.table import Row, Scale
from db.engine import open_engine
from db.repositories.leases import Leases
from db.repositories.machines import Machines
from db.repositories.new_bench import BenchCaps
from db.repositories.plans import Plans
from workers.result import ExecutionResult

_CONNECTIONS = (1, 16)
_MACHINE, _TOKEN = "benchmark", UUID(int=1)
_ARMS = 4
_EXPECTED_PER_SECOND = 1500
_REPEATS = 3
_START_SECONDS = 120.0
_RESULT = ExecutionResult(
    status="success", duration_ms=1000, budget_ms=1000, micro_usd=1, cost_source="priced"
).model_dump(mode="json")
_barriers: dict[int, Barrier] = {}


def rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Pairs a second on 1 and on 16 connections, a process each."""
    context = multiprocessing.get_context("spawn")
    barriers = {connections: context.Barrier(connections) for connections in _CONNECTIONS}
    _prepare(farm, round(scale.plane_seconds * _EXPECTED_PER_SECOND))
    with ProcessPoolExecutor(max(_CONNECTIONS), context, initializer=_meet_at, initargs=(barriers,)) as pool:
        for connections in _CONNECTIONS:
            yield _row(farm, pool, connections, scale.plane_seconds)


def _row(farm: BenchmarkFarm, pool: ProcessPoolExecutor, connections: int, seconds: float) -> Row:
    pairs, commits = 0.0, 0.0
    for _ in range(_REPEATS):
        commits = max(commits, _rate(pool, connections, _bare, farm.database_url, seconds / _REPEATS))
        pairs = max(pairs, _rate(pool, connections, _pairs, farm.worker_database_url, seconds / _REPEATS))
    return Row(
        f"claim + complete, {connections} connection{'s' if connections > 1 else ''}",
        f"{pairs:,.0f} pairs/s",
        f"bare single-row UPDATE + commit: {commits:,.0f}/s (best of {_REPEATS})",
        f"{pairs / commits:.0%}",
        "≥25 %, ≥500/s",
        pairs >= 0.25 * commits and pairs >= 500,
    )


def _prepare(farm: BenchmarkFarm, executions: int) -> None:
    """Ready executions under a cap, as a bench with a budget has them; and rows for the yardstick."""
    bench = bench_of("plane", executions // _ARMS, _ARMS, BenchCaps(micro_usd=10**15))
    Plans(farm.engine).write(bench)
    Machines(farm.engine).register(_MACHINE, _TOKEN, [], max(_CONNECTIONS))
    admit_all(farm.engine, bench.bench_id)
    with farm.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE bare_rows (id bigint PRIMARY KEY, n bigint) WITH (fillfactor = 50)"
        )
        connection.exec_driver_sql("INSERT INTO bare_rows SELECT g, 0 FROM generate_series(0, 9999) g")
        connection.exec_driver_sql("ANALYZE farm.executions, farm.caps, farm.cases, bare_rows")


def _meet_at(barriers: dict[int, Barrier]) -> None:
    """In each process: keep what cannot be sent with a call."""
    _barriers.update(barriers)


Count = Callable[[str, float, int, int], float]


def _rate(pool: ProcessPoolExecutor, connections: int, count: Count, url: str, seconds: float) -> float:
    """What `count` comes to a second, all processes together; they start at the same moment."""
    counted = [pool.submit(count, url, seconds, connections, number) for number in range(connections)]
    return sum(each.result() for each in counted)


def _pairs(url: str, seconds: float, connections: int, _number: int) -> float:
    engine = open_engine(url, "benchmark", pool_size=1)
    leases = Leases(engine, _TOKEN)

    def pair() -> bool:
        token = uuid4()
        order = leases.claim(QUEUE, _MACHINE, token, 180.0)
        if order is None:
            return False
        leases.complete(order["execution_id"], order["attempt"], token, _RESULT, None)
        return True

    try:
        return _a_second(pair, seconds, connections)
    finally:
        engine.dispose()


def _bare(url: str, seconds: float, connections: int, number: int) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        step = iter(range(10**9))

        def update() -> bool:
            row = (number * 613 + next(step) * 17) % 10_000
            connection.execute("UPDATE bare_rows SET n = n + 1 WHERE id = %s", (row,))
            return True

        return _a_second(update, seconds, connections)


def _a_second(call: Callable[[], bool], seconds: float, connections: int) -> float:
    """How often a second `call` was done; it ends early where there is nothing left to do."""
    for _ in range(8):
        call()
    _barriers[connections].wait(_START_SECONDS)
    started = time.monotonic()
    done = 0
    while time.monotonic() < started + seconds and call():
        done += 1
    return done / (time.monotonic() - started)
