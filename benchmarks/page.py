"""The page of a large bench: one request through the whole application, against the SQL of its matrix alone."""

import time
from collections.abc import Callable, Iterator

import psycopg
from starlette.testclient import TestClient

from bench.metrics.server import exposition
from bench.ui.app import PageSettings, make_app
from bench.ui.owner import OwnerSessions
from bench.ui.sign_in import SignIn
from benchmarks.farm import BenchmarkFarm
from benchmarks.reports import fill
from benchmarks.table import Row, Scale
from db.engine import open_engine
from db.repositories.page_rows import PageRows

_REPEATS = 20
_AIM_MS, _AIM_BYTES = 200.0, 100_000
_HOST = "http://127.0.0.1"


def rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """The page of one bench, and a scrape of the metrics of the whole farm."""
    # One of ten benches: of 10,000 executions at full scale.
    outcomes = scale.outcomes // 10
    with psycopg.connect(farm.database_url, autocommit=True) as connection:
        fill(connection, outcomes)
    engine = open_engine(farm.database_url, "benchmark page")
    client = TestClient(make_app(PageSettings(engine, OwnerSessions(), ["127.0.0.1"], SignIn(""))), _HOST)
    path = "/benches/bench-0"
    size = len(client.get(path).content)
    # While the report is computed in the background, then when it is there.
    busy = _median_ms(lambda: client.get(path))
    deadline = time.monotonic() + 300
    while "is being computed" in client.get(path).text and time.monotonic() < deadline:
        time.sleep(0.5)
    page = _median_ms(lambda: client.get(path))
    reader = PageRows(engine)
    sql = _median_ms(lambda: reader.matrix("bench-0", 0, 50))
    yardstick = f"the SQL of its matrix: {sql:.1f} ms"
    name = f"page of a bench of {outcomes // 10:,} executions"
    yield Row(
        f"{name}, median", f"{page:.0f} ms", yardstick, f"{page / sql:.1f}×", "≤200 ms", page <= _AIM_MS
    )
    yield Row(
        f"{name}, while its report is computed",
        f"{busy:.0f} ms",
        yardstick,
        f"{busy / sql:.1f}×",
        "≤200 ms",
        busy <= _AIM_MS,
    )
    yield Row(
        f"{name}, size",
        f"{size / 1000:.0f} kB",
        "100 kB",
        f"{size / _AIM_BYTES:.2f}×",
        "≤1×",
        size <= _AIM_BYTES,
    )
    scrape = _median_ms(lambda: exposition(engine))
    yield Row(
        f"scrape of the metrics, {outcomes:,} outcomes of the last hour",
        f"{scrape:.0f} ms",
        yardstick,
        f"{scrape / sql:.1f}×",
    )
    engine.dispose()


def _median_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return sorted(times)[len(times) // 2]
