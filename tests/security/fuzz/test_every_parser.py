"""Fuzz of every parser of foreign text: it returns or refuses in its own words, soon, and touches nothing else.

`BENCH_FUZZ` inputs a target (1,000 unless set; `make fuzz` takes 100,000), drawn by `BENCH_FUZZ_SEED`. A finding names
the input; put it into `tests/data/fuzz/found/<target>/`, from where every run feeds it again.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.fuzz import intake_targets, planner_targets, worker_targets
from tests.fixtures.fuzz.engine import DATA, Target, known_findings, run

COUNT = int(os.environ.get("BENCH_FUZZ", "1000"))
SEED = os.environ.get("BENCH_FUZZ_SEED", "1")
MADE_HERE: dict[str, Callable[[Path], Target]] = {
    "bundle": planner_targets.bundle_target,
    "sidecar-model": planner_targets.model_target,
}
TARGETS = {
    target.name: target
    for target in (*intake_targets.TARGETS, *worker_targets.TARGETS, *planner_targets.TARGETS)
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is any: most of the time would be the disk's."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="bf-fuzz-", dir=memory) as directory:
        yield Path(directory)


@pytest.mark.timeout(300 if COUNT <= 1000 else 6 * 3600)
@pytest.mark.parametrize("name", sorted([*TARGETS, *MADE_HERE]))
def test_no_input_ends_in_a_traceback(name: str, place: Path, request: pytest.FixtureRequest) -> None:
    target = MADE_HERE[name](request.getfixturevalue("small_bundle")) if name in MADE_HERE else TARGETS[name]
    findings = run(target, COUNT, SEED, place)
    assert not findings, f"BENCH_FUZZ_SEED={SEED}\n" + "\n\n".join(map(str, findings))


def test_what_was_found_belongs_to_a_target() -> None:
    folders = {path.name for path in (DATA / "found").iterdir() if path.is_dir()}
    assert folders <= {*TARGETS, *MADE_HERE}
    assert all(known_findings(name) for name in folders)
