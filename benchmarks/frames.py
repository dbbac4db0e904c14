"""Data frames of outcomes, against fetching the same rows as tuples: seconds, and memory at the most."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import psycopg

from benchmarks.farm import BenchmarkFarm
from benchmarks.reports import fill
from benchmarks.table import Row, Scale

_REPEATS: Final = 3
_MOST: Final = 1.5
_TUPLES: Final = """
import psycopg
with psycopg.connect(url) as connection:
    read = lambda: connection.execute("SELECT * FROM report.arm_outcomes").fetchall()
    measure(read)
"""
_FRAME: Final = """
import {backend}
import bench.dataframes.read
from bench.frames import outcomes
measure(lambda: outcomes(source=url, backend="{backend}"))
"""
# A process of its own for each: what one has allocated, the next would find.
_PROGRAM: Final = """
import json, re, sys, time
from pathlib import Path
url = sys.argv[1]

def kib(name):
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def measure(read):
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = kib("VmRSS")
    began = time.perf_counter()
    rows = len(read())
    taken = time.perf_counter() - began
    print(json.dumps([rows, taken, (kib("VmHWM") - before) / 1024]))
"""


class _Reading(NamedTuple):
    rows: int
    seconds: float
    mib: float


def rows(farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Outcomes of a farm as pandas and as polars frames."""
    with psycopg.connect(farm.database_url, autocommit=True) as connection:
        fill(connection, scale.outcomes // 10)
    programs = {"tuples": _TUPLES, **{name: _FRAME.format(backend=name) for name in ("pandas", "polars")}}
    best: dict[str, _Reading] = {}
    for _ in range(_REPEATS):
        for name, program in programs.items():
            reading = _reading(farm, program)
            best[name] = min(best.get(name, reading), reading, key=lambda each: each.seconds)
    tuples = best.pop("tuples")
    for name, frame in best.items():
        assert frame.rows == tuples.rows
        yield Row(
            f"{name} frame of {frame.rows:,} outcomes",
            f"{frame.seconds:.2f} s, {frame.mib:.0f} MiB",
            f"psycopg's fetchall of the same rows: {tuples.seconds:.2f} s, {tuples.mib:.0f} MiB",
            f"{frame.seconds / tuples.seconds:.2f}×, memory {frame.mib / tuples.mib:.2f}×",
            f"≤{_MOST}×",
            frame.seconds <= _MOST * tuples.seconds,
        )


def _reading(farm: BenchmarkFarm, program: str) -> _Reading:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM + program, farm.database_url],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    count, seconds, mib = json.loads(done.stdout)
    return _Reading(count, seconds, max(mib, 0.1))
