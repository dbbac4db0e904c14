"""Importing a backlog whose issues all wait for each other, against what no import can do without."""

import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg

from bench.config.models import BenchConfig
from bench.stream.view import queue_view
from bench.submit.backlog import read_backlog, store_backlog
from benchmarks.farm import BenchmarkFarm
from benchmarks.table import Row, Scale

_MOST = 10


def rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """A ring of `2 * scale.submitted` issues: imported, imported again, and looked at by `bench queue`."""
    count = 2 * scale.submitted
    with tempfile.TemporaryDirectory() as place:
        inside, beside = Path(place) / "inside.jsonl", Path(place) / "beside" / "issues.jsonl"
        beside.parent.mkdir()
        _write_ring(inside, beside, count)
        for name, file in (("in the issues", inside), ("in deps.jsonl", beside)):
            with psycopg.connect(farm.database_url, autocommit=True) as connection:
                connection.execute("TRUNCATE farm.issues")
            yield from _importing(farm, file, name, count)
    taken = _seconds(lambda: queue_view(farm.engine, BenchConfig(), datetime.now(UTC)))
    bare = _seconds(lambda: _bare_read(farm))
    yield Row(
        f"queue over {count:,} issues in one ring",
        f"{taken:.1f} s",
        f"SELECT of the same documents: {bare:.1f} s",
        f"{taken / bare:.1f}×",
        f"≤{_MOST}×",
        taken <= _MOST * bare,
    )


def _write_ring(inside: Path, beside: Path, count: int) -> None:
    names = [f"i{number:07}" for number in range(count)]
    plain: list[dict[str, object]] = [
        {"id": name, "title": "x" * 40, "updated_at": "2026-01-01T00:00:00Z"} for name in names
    ]
    waits = zip(plain, [*names[1:], names[0]], strict=True)
    _write(inside, ({**issue, "dependencies": [{"depends_on_id": other}]} for issue, other in waits))
    _write(beside, plain)
    edges = zip([*names[1:], names[0]], names, strict=True)
    _write(beside.with_name("deps.jsonl"), ({"from": one, "to": other} for one, other in edges))


def _write(file: Path, records: Iterable[dict[str, object]]) -> None:
    with file.open("w") as lines:
        lines.writelines(json.dumps(record) + "\n" for record in records)


def _importing(farm: BenchmarkFarm, file: Path, name: str, count: int) -> Iterator[Row]:
    for again in ("", " again"):
        taken = _seconds(partial(_import, farm, file, (0, count) if again else (count, 0)))
        bare = _seconds(lambda: _bare_copy(farm, file))
        yield Row(
            f"import {count:,} issues in one ring, dependencies {name}{again}",
            f"{taken:.1f} s",
            f"json.loads of the lines, COPY of the documents into a bare table: {bare:.1f} s",
            f"{taken / bare:.1f}×",
            f"≤{_MOST}×",
            taken <= _MOST * bare,
        )


def _import(farm: BenchmarkFarm, file: Path, expected: tuple[int, int]) -> None:
    stored = store_backlog(farm.engine, read_backlog(file))
    assert (len(stored.new), stored.unchanged) == expected


def _bare_copy(farm: BenchmarkFarm, file: Path) -> None:
    for place in filter(Path.exists, (file, file.with_name("deps.jsonl"))):
        with place.open("rb") as lines:
            for line in lines:
                json.loads(line)
    with psycopg.connect(farm.database_url, autocommit=True) as connection:
        documents = connection.execute("SELECT document::text FROM farm.issues").fetchall()
        connection.execute("CREATE TABLE bare_issues (document jsonb)")
        with connection.cursor().copy("COPY bare_issues FROM STDIN") as copy:
            for document in documents:
                copy.write_row(document)
        connection.execute("DROP TABLE bare_issues")


def _bare_read(farm: BenchmarkFarm) -> None:
    with psycopg.connect(farm.database_url) as connection:
        connection.execute("SELECT issue_id, document FROM farm.issues ORDER BY issue_id").fetchall()


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
