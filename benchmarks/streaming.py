"""What a stream pays for one decision, and what it asks of the database, however long its history."""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import psycopg

from bench.config.models import BenchConfig
from bench.intake.issue import Issue
from bench.stream.board import Board
from bench.stream.decision import plan_issue
from bench.stream.open import open_stream
from bench.stream.state import StoredStreamState
from bench.submit.inputs import planner_input
from benchmarks.encoding import drawn_runs
from benchmarks.farm import BenchmarkFarm
from benchmarks.reports import fill
from benchmarks.table import Row, Scale
from db.repositories.streams import BacklogIssue
from planner.documents.base import hash_without_time
from planner.history.run_index import RunIndex
from planner.history.similar import SimilarQuery
from planner.host.config import read_planner_config
from planner.inference import PlannerInference
from tests.fixtures.bundles import make_bundle

_DECISIONS, _STEPS = 400, 100
_AIM_MS = 5.0


def rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Decisions over `scale.submitted` runs; a step's reads before and after `scale.outcomes` outcomes; a ring."""
    yield _deciding(scale.submitted)
    yield _reading(farm, scale.outcomes)
    yield _ring(2 * scale.submitted)


def _deciding(count: int) -> Row:
    lot = random.Random(5)
    runs = list(islice(drawn_runs(lot), count))
    index = RunIndex()
    index.add_many(runs)
    tags = [tuple(lot.choice(runs).tags or ()) for _ in range(_DECISIONS)]
    issues = [Issue(id=f"i{number}", tags=tags[number]) for number in range(_DECISIONS)]
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as place:
        bundle = make_bundle(Path(place) / "bundle", hidden=512)
        inference = PlannerInference(read_planner_config({"model": {"path": str(bundle)}}))
        whole, asked = [], []
        for issue in issues:
            began = time.perf_counter()
            query = SimilarQuery(issue.job_type, int(now.timestamp() * 1000), issue.tags, issue.id)
            document = planner_input(issue, now, [run.document() for run in index.query(query)], None)
            plan_issue(issue, document, hash_without_time(document), BenchConfig(), inference, {})
            whole.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            inference.decide(document)
            asked.append((time.perf_counter() - began) * 1000)
    p99 = _p99(whole)
    return Row(
        f"stream: one decision among {count:,} runs",
        f"p50 {statistics.median(whole):.2f} ms, p99 {p99:.2f} ms",
        f"the planner's answer alone: p50 {statistics.median(asked):.2f} ms, p99 {_p99(asked):.2f} ms",
        f"{statistics.median(whole) / statistics.median(asked):.1f}×",
        f"p99 ≤{_AIM_MS:.0f} ms",
        p99 <= _AIM_MS,
    )


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99) - 1]


def _reading(farm: BenchmarkFarm, outcomes: int) -> Row:
    before = _step_reads_ms(farm)
    with psycopg.connect(farm.database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE farm.benches CASCADE")
        fill(connection, outcomes)
        _make_them_runs_of(_stream(farm), connection)
    after = _step_reads_ms(farm)
    return Row(
        f"stream: reads of one step after {outcomes:,} outcomes of its own",
        f"{after:.2f} ms",
        f"the same on an empty farm: {before:.2f} ms",
        f"{after / before:.2f}×",
        "≤1.5×",
        after / before <= 1.5,
    )


def _ring(count: int) -> Row:
    """A queue over issues that all wait for each other, a tenth of them first."""
    few, many = _queue_seconds(count // 10), _queue_seconds(count)
    return Row(
        f"stream: the queue of {count:,} issues in one ring",
        f"{many:.1f} s",
        f"a tenth of them: {few:.2f} s",
        f"{many / few:.1f}×",
        "≤15×",
        many / few <= 15,
    )


def _queue_seconds(count: int) -> float:
    now = datetime.now(UTC)
    rows = [
        BacklogIssue(
            f"i{n:07}", {"id": f"i{n:07}", "dependencies": [_waits(n, (n + 1) % count)]}, now, "issues.jsonl"
        )
        for n in range(count)
    ]
    began = time.perf_counter()
    board = Board(max_attempts=3)
    board.load(rows)
    assert len(board.state([]).held) == count
    board.critical_hours()
    return time.perf_counter() - began


def _waits(number: int, other: int) -> dict[str, str]:
    return {"issue_id": f"i{number:07}", "depends_on_id": f"i{other:07}", "type": "blocks"}


def _stream(farm: BenchmarkFarm) -> str:
    return open_stream(farm.engine, BenchConfig(), datetime.now(UTC))[0]


def _make_them_runs_of(bench_id: str, connection: psycopg.Connection) -> None:
    connection.execute("SET session_replication_role = replica")
    connection.execute("UPDATE farm.cases SET bench_id = %s", [bench_id])
    connection.execute("UPDATE farm.executions SET bench_id = %s", [bench_id])
    connection.execute("VACUUM ANALYZE")


def _step_reads_ms(farm: BenchmarkFarm) -> float:
    """The quickest of many: what else the machine does is not the stream's."""
    state = StoredStreamState(farm.engine, _stream(farm), BenchConfig(), None, runs=1000)
    taken = []
    for _ in range(_STEPS):
        began = time.perf_counter()
        state.backlog_if_changed()
        state.open_runs()
        state.system_state(datetime.now(UTC))
        state.run_number("issue-1")
        state.baseline("none")
        taken.append((time.perf_counter() - began) * 1000)
    return min(taken)
