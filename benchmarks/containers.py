"""What a container costs: the start of a program in one, compared with bubblewrap."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.farm import BenchmarkFarm
from benchmarks.table import Row, Scale
from tests.fixtures.container_image import container_here
from workers.control import Control
from workers.sandbox import ladder, process
from workers.sandbox.process import StopConditions
from workers.sandbox.program import MARK, Rung, SandboxedProgram

_NAME = "container: start of a program"
_MOST_MS = 400
"""The most that a start may take longer than in bubblewrap."""


def rows(_farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """A program's start in a container, with the image's Python as its first process, and in bubblewrap."""
    container = container_here()
    if isinstance(container, str):
        yield Row(_NAME, "not measured", container, "")
        return
    bubblewrap = ladder.choose("auto")
    inside, outside = [], []
    with tempfile.TemporaryDirectory(prefix="bench-containers-") as name:
        for _ in range(scale.fixed_cost_runs):
            # In turns, so that a busy moment meets both.
            inside.append(_seconds(container, Path(name)))
            outside.append(_seconds(bubblewrap, Path(name)))
    contained, plain = statistics.median(inside) * 1000, statistics.median(outside) * 1000
    yield Row(
        _NAME,
        f"{contained:.0f} ms",
        f"{bubblewrap.name}: {plain:.0f} ms (median of {scale.fixed_cost_runs})",
        f"{contained - plain:+.0f} ms",
        f"≤{_MOST_MS} ms more",
        contained - plain <= _MOST_MS,
    )


def _seconds(rung: Rung, directory: Path) -> float:
    cell = directory / "cell"
    cell.mkdir(exist_ok=True)
    program = SandboxedProgram(("/bin/true",), {MARK: str(directory), "LANG": "C.UTF-8"}, cell, cell)
    begun = time.perf_counter()
    ended = process.run(rung, program, StopConditions(60), Control(), directory / "out")
    if ended.exit_code != 0:
        raise RuntimeError(f"{rung.name}: {ended}: {(directory / 'out').read_text()}")
    return time.perf_counter() - begun
