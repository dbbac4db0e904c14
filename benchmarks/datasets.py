"""A dataset from very many archives, against merely reading them; and what it holds in memory."""

import json
import os
import pty
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.archives import write_archives
from benchmarks.farm import BenchmarkFarm
from benchmarks.table import Row, Scale
from planner.dataset.arrays import encode_examples
from planner.dataset.read import read_dataset

_AIM_SECONDS = 600.0
_AIM_ARCHIVES = 100_000
_AIM_SHARE = 0.2
_AIM_BAR = 1.05
_BUILD = """
import sys
from planner.cli.main import main
code = main(["build-dataset", "--mix-epochs", "--archives", sys.argv[1], "--out", sys.argv[2]])
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""


class _Built(NamedTuple):
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def rows(_farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """Building, its memory, and reading back; a fifth of the archives are from before planner inputs."""
    count = scale.submitted
    with tempfile.TemporaryDirectory(prefix="bench-mark-") as name:
        home = Path(name)
        write_archives(home / "few", count // 10)
        few = _build(home / "few", home / "few-data")
        write_archives(home / "many", count)
        read_seconds, read_bytes = _read(home / "many")
        many = _build(home / "many", home / "data")
        yield _building(count, many, read_seconds)
        yield _memory(count, few, many, read_bytes / count)
        yield _bar(count, many, _build_on_a_terminal(home / "many", home / "bar-data"))
        yield _reading(home / "data")


def _read(archives: Path) -> tuple[float, int]:
    """(seconds, bytes) of reading and parsing every file."""
    started, size = time.perf_counter(), 0
    for directory in archives.iterdir():
        for file in directory.iterdir():
            text = file.read_bytes()
            size += len(text)
            json.loads(text)
    return time.perf_counter() - started, size


def _build(archives: Path, out: Path, errors: int = subprocess.PIPE) -> _Built:
    """The command in a process of its own, with `errors` as its standard error."""
    started, before = time.perf_counter(), _cpu_seconds()
    command = [sys.executable, "-c", _BUILD, str(archives), str(out)]
    environment = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
    )
    return _Built(time.perf_counter() - started, _cpu_seconds() - before, int(done.stdout) * 1024)


def _build_on_a_terminal(archives: Path, out: Path) -> _Built:
    """The same with a progress bar."""
    ours, theirs = pty.openpty()
    reader = threading.Thread(target=_drain, args=(ours,), daemon=True)
    reader.start()
    built = _build(archives, out, theirs)
    os.close(theirs)
    reader.join()
    os.close(ours)
    return built


def _drain(terminal: int) -> None:
    # Linux reports the closed other end as EIO.
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        return


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _bar(count: int, plain: _Built, bar: _Built) -> Row:
    ratio = bar.cpu_seconds / plain.cpu_seconds
    return Row(
        f"build-dataset with a progress bar: {count:,} archives",
        f"{bar.cpu_seconds:.1f} CPU-seconds",
        f"without: {plain.cpu_seconds:.1f} CPU-seconds",
        f"{ratio:.2f}×",
        f"≤{_AIM_BAR}×",
        ratio <= _AIM_BAR,
    )


def _building(count: int, built: _Built, read_seconds: float) -> Row:
    aim = _AIM_SECONDS * count / _AIM_ARCHIVES
    return Row(
        f"build-dataset: {count:,} archives",
        f"{built.seconds:.1f} s, {count / built.seconds:,.0f}/s",
        f"reading and parsing their files: {read_seconds:.1f} s",
        f"{built.seconds / read_seconds:.1f}×",
        f"≤{aim:.0f} s",
        built.seconds <= aim,
    )


def _memory(count: int, few: _Built, many: _Built, archive_bytes: float) -> Row:
    each = (many.peak_bytes - few.peak_bytes) / (count - count // 10)
    share = each / archive_bytes
    return Row(
        "build-dataset: memory for one archive more",
        f"{each / 1000:.2f} kB ({few.peak_bytes / 1e6:.0f} MB at {count // 10:,}, {many.peak_bytes / 1e6:.0f} MB)",
        f"the archive on disk: {archive_bytes / 1000:.1f} kB",
        f"{share:.2f}×",
        f"≤{_AIM_SHARE}×",
        share <= _AIM_SHARE,
    )


def _reading(directory: Path) -> Row:
    started = time.perf_counter()
    lines = sum(1 for line in (directory / "dataset.jsonl").open(encoding="utf-8") if json.loads(line))
    parsed = time.perf_counter() - started
    encoded = encode_examples(read_dataset(directory).examples())
    seconds = time.perf_counter() - started - parsed
    return Row(
        "reading, checking and encoding a dataset",
        f"{len(encoded) / seconds:,.0f} examples/s",
        f"json.loads of its lines: {lines / parsed:,.0f}/s",
        f"{seconds / parsed:.1f}×",
    )
