"""`python -m benchmarks`: the table of benchmarks.

python -m benchmarks                      everything, about half an hour on two cores
python -m benchmarks --quick              everything, smaller, some minutes
python -m benchmarks --rows slots plane   only these
python -m benchmarks --write docs/explanation/performance.md
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    bells,
    containers,
    datasets,
    doors,
    encoding,
    fixed_cost,
    frames,
    gateway,
    importing,
    inference,
    page,
    plane,
    reports,
    slots,
    streaming,
    submitting,
    training,
)
from benchmarks.farm import BenchmarkFarm, farm
from benchmarks.table import FULL, QUICK, TINY, Row, Scale, markdown, write_between_markers

ROWS: dict[str, Callable[[BenchmarkFarm, Scale], Iterator[Row]]] = {
    "slots": slots.rows,
    "fixed": fixed_cost.rows,
    "doors": doors.rows,
    "containers": containers.rows,
    "gateway": gateway.rows,
    "plane": plane.rows,
    "bells": bells.rows,
    "import": importing.rows,
    "submit": submitting.rows,
    "reports": reports.rows,
    "page": page.rows,
    "frames": frames.rows,
    "encoding": encoding.rows,
    "datasets": datasets.rows,
    "training": training.rows,
    "inference": inference.rows,
    "stream": streaming.rows,
    "memory": slots.memory_rows,
}


def main() -> None:
    """Measure and print."""
    options = _options()
    scale = TINY if options.tiny else QUICK if options.quick else FULL
    found: list[Row] = []
    for name in options.rows:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        # A farm of its own: what one leaves behind, the next must not wade through.
        with farm() as fresh:
            found += ROWS[name](fresh, scale)
    text = f"{_machine(options)}\n\n{markdown(found)}"
    print(text)
    if options.write:
        write_between_markers(options.write, text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="The table of benchmarks.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the size: rougher, about a minute")
    parser.add_argument("--tiny", action="store_true", help="only to see that everything works")
    parser.add_argument(
        "--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS)
    )
    parser.add_argument("--write", type=Path, help="also write the table between the markers of this file")
    return parser.parse_args()


def _machine(options: argparse.Namespace) -> str:
    size = "tiny" if options.tiny else "quick" if options.quick else "full"
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {size} run, Python {platform.python_version()}, {os.cpu_count()} cores,"
        f" {platform.system()} {platform.machine()}, load at the end {load:.1f}."
    )


if __name__ == "__main__":
    main()
