"""Files of a candidate: stored ones first, those of this machine's archives where they are not stored whole."""

from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.errors import BenchError, FailureError
from bench.inspection.execution import read_execution
from bench.inspection.references import CandidateKey
from bench.inspection.texts import log_files
from db.repositories.artifacts import IN_POSTGRES, Artifacts, NewArtifact
from tests.fixtures.lease_scenarios import complete
from tests.fixtures.rows import Lease, running_bench

WORKCELL = "x-a1-c0-0d208a5d"
STORED = b"stored\n"


def played(engine: sa.Engine, workcell: str = WORKCELL) -> Lease:
    """A completed execution: its patch is stored, one log not kept, another shortened, a third only on its machine."""
    _, lease = running_bench(engine)
    digest = sha256(STORED).hexdigest()
    stored = Artifacts(engine)
    items = [
        NewArtifact(0, "patch.diff", digest, "identity", 7, 7, 0, IN_POSTGRES),
        NewArtifact(0, "logs/gate-2-test.log", digest, "identity", 900, 7, 893, IN_POSTGRES),
        NewArtifact(0, "logs/round-10.stdout", None, "gzip", 5, 0, 5, f"file:///lost/{stored.farm_id()}"),
    ]
    stored.store(*lease.key, items, [STORED, STORED, None])
    candidate = {
        "index": 0,
        "workcell_id": workcell,
        "status": "success",
        "duration_ms": 5,
        "cost_source": "reported",
        "archive": "/etc",
        "rounds": [],
    }
    complete(engine, lease, candidates=[candidate], chosen=0)
    return lease


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    logs = tmp_path / "archives" / WORKCELL / "logs"
    logs.mkdir(parents=True)
    for name in ("gate-2-test.log", "round-10.stdout", "round-2.stderr", "round-2.stdout"):
        (logs / name).write_text(f"local {name}")
    (logs.parent / "patch.diff").write_text("local patch")
    (logs / "round-2.link").symlink_to("/etc/passwd")
    return tmp_path / "archives"


def test_logs_come_in_the_order_of_rounds_from_wherever_they_are_whole(
    engine: sa.Engine, archives: Path
) -> None:
    record = read_execution(engine, played(engine).execution, archives)
    texts = [(file.title, record.files.text(file)) for file in log_files(record)]
    assert texts == [
        ("round-2.stdout", "local round-2.stdout"),
        ("round-2.stderr", "local round-2.stderr"),
        ("gate-2-test.log", "local gate-2-test.log"),
        ("round-10.stdout", "local round-10.stdout"),
    ]
    patch = record.files.patch(1, 0)
    assert patch is not None
    assert record.files.read(patch) == STORED, "the stored copy is verified, the local one is not"
    assert [file.title for file in log_files(record, "test")] == ["gate-2-test.log"]


def test_without_the_archive_a_log_is_shortened_or_missing_with_a_reason(
    engine: sa.Engine, tmp_path: Path
) -> None:
    record = read_execution(engine, played(engine).execution, tmp_path / "none")
    shortened, missing = log_files(record)
    assert (record.files.text(shortened), shortened.left_out) == ("stored\n", 893)
    with pytest.raises(FailureError, match="was not kept"):
        record.files.read(missing)


def test_a_candidate_that_does_not_exist_is_refused(engine: sa.Engine, tmp_path: Path) -> None:
    execution = played(engine).execution
    assert read_execution(engine, execution, None, CandidateKey(1, 0)).shown == (1, 0)
    with pytest.raises(BenchError, match=f"no candidate x{execution}-a1-c7; there is: x{execution}-a1-c0"):
        read_execution(engine, execution, None, CandidateKey(1, 7))
