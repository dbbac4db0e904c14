"""Submitting a large bench, against a bare COPY of the rows that it writes."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
from psycopg.sql import SQL, Identifier

from bench.config.models import BenchConfig
from bench.intake.beads import read_issues
from bench.intake.issue import Issue
from bench.submit.plan import Known, Ready, plan_bench
from benchmarks.farm import BenchmarkFarm
from benchmarks.table import Row, Scale
from db.repositories.new_bench import NewBench
from db.repositories.plans import Plans
from workers.spec import Workcell

_ARMS = 4
_REPEATS = 3
_CHUNK = 1 << 17
_TABLES = ("cases", "arms", "executions")


def rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Planning and writing benches of `scale.submitted` executions."""
    issues = scale.submitted // _ARMS
    yield _reading(issues)
    bench, planned = _plan(issues)
    written = min(_write(farm, bench, f"submitted-{number}") for number in range(_REPEATS))
    bare = _bare_copies(farm, "submitted-0")
    everything = sum(bare.values())
    yield Row(
        f"submit {scale.submitted:,} executions (and {issues:,} cases, {scale.submitted:,} arms)",
        f"{written:.2f} s",
        f"COPY of the same rows into bare tables: {everything:.2f} s (best of {_REPEATS})",
        f"{written / everything:.1f}×",
        "≤3×",
        written <= 3 * everything,
    )
    yield Row(
        "the same against its executions alone",
        f"{written:.2f} s",
        f"COPY of the executions into a bare table: {bare['executions']:.2f} s",
        f"{written / bare['executions']:.1f}×",
    )
    yield Row(
        f"plan them: {issues:,} issues, K = {_ARMS}",
        f"{planned:.2f} s",
        f"writing them: {written:.2f} s",
        f"{planned / written:.1f}×",
    )


def _reading(issues: int) -> Row:
    body = {"title": "x" * 40, "description": "d" * 300, "tags": ["a", "b"], "dk_attempts": "3"}
    lines = [
        json.dumps({"id": f"i-{n}", "updated": "2026-01-01T00:00:00Z", **body}).encode()
        for n in range(issues)
    ]
    started = time.perf_counter()
    assert len(read_issues(lines, "memory").issues) == issues
    own = time.perf_counter() - started
    started = time.perf_counter()
    for line in lines:
        json.loads(line)
    bare = time.perf_counter() - started
    return Row(
        f"read a Beads file of {issues:,} issues",
        f"{own:.2f} s",
        f"json.loads of the same lines: {bare:.2f} s",
        f"{own / bare:.1f}×",
    )


def _plan(issues: int) -> tuple[NewBench, float]:
    """A bench as `bench submit` plans it, and how many seconds that took."""
    config = BenchConfig.model_validate({"action_sampling": {"K": _ARMS, "strategy": "coverage", "seed": 1}})
    gates = [{"name": "test", "command": ["true"]}]
    workcell = Workcell.model_validate({"repo": "/none", "base": "0" * 40, "gates": gates})
    ready = [
        Ready(Issue(id=f"issue-{number:06d}", title="A benchmark", description="Words. " * 20), workcell)
        for number in range(issues)
    ]
    started = time.perf_counter()
    bench = plan_bench(config, "planned", "all", ready, Known(datetime.now(UTC)))
    return bench, time.perf_counter() - started


def _write(farm: BenchmarkFarm, bench: NewBench, name: str) -> float:
    started = time.perf_counter()
    Plans(farm.engine).write(replace(bench, bench_id=name))
    taken = time.perf_counter() - started
    # Closed at once: no other benchmark's coordinator shall look after it.
    with farm.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE farm.benches SET state = 'cancelled', finished_at = now()")
        connection.exec_driver_sql(
            "UPDATE farm.executions SET state = 'cancelled', finished_at = now() WHERE state = 'ready'"
        )
    return taken


def _bare_copies(farm: BenchmarkFarm, bench_id: str) -> dict[str, float]:
    """Seconds to COPY the bench's rows, table by table, into tables without index, key, check or default."""
    with psycopg.connect(farm.database_url) as connection:
        return {table: _bare_copy(connection, table, bench_id) for table in _TABLES}


def _bare_copy(connection: psycopg.Connection, table: str, bench_id: str) -> float:
    own = SQL("SELECT {} FROM farm.{} t JOIN farm.cases c USING (case_id) WHERE c.bench_id = {}")
    columns = SQL("c.*") if table == "cases" else SQL("t.*")
    rows = own.format(columns, Identifier(table), bench_id)
    with connection.cursor().copy(SQL("COPY ({}) TO STDOUT").format(rows)) as copy:
        data = memoryview(b"".join(copy))
    return min(_copy_in(connection, table, data) for _ in range(_REPEATS))


def _copy_in(connection: psycopg.Connection, table: str, data: memoryview) -> float:
    bare = Identifier(f"bare_{table}")
    connection.execute(
        SQL("CREATE TABLE {} AS SELECT * FROM farm.{} WHERE false").format(bare, Identifier(table))
    )
    connection.commit()
    started = time.perf_counter()
    with connection.cursor().copy(SQL("COPY {} FROM STDIN").format(bare)) as copy:
        for start in range(0, len(data), _CHUNK):
            copy.write(data[start : start + _CHUNK])
    connection.commit()
    taken = time.perf_counter() - started
    connection.execute(SQL("DROP TABLE {}").format(bare))
    connection.commit()
    return taken
