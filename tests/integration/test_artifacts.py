"""Artifacts are stored before completion, once, within limits, and come back as they were."""

import gzip
import hashlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from bench.errors import FailureError
from bench.results.archives import restore_archives
from bench.results.artifacts import artifacts_of, patch_of, read_artifact
from bench.results.retention import prune_artifacts
from db.repositories.artifact_retention import Retention
from db.repositories.artifacts import Artifacts, NewArtifact, StoreAnswer, execution_to_take
from db.repositories.leases import Leases
from db.repositories.plans import Plans
from tests.fixtures.executions import FIX, Repository, python
from tests.fixtures.rows import (
    CODE,
    Lease,
    admit_all,
    claim,
    new_arm,
    new_bench,
    new_case,
    result,
    running_bench,
)
from workers.artifacts.keep import ArtifactKeeper
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.result import ExecutionResult
from workers.spec import WorkOrder

DAY = 86400.0
NOISY = f"{FIX}; import os; print(os.urandom(60_000).hex())"


def _item(name: str = "logs/a.log", body: bytes | None = b"text", **changes: Any) -> NewArtifact:
    digest = None if body is None else hashlib.sha256(body).hexdigest()
    size = len(body or b"")
    return replace(NewArtifact(0, name, digest, "identity", size, size, 0, "postgres:"), **changes)


def _store(engine: sa.Engine, lease: Lease, *items: tuple[NewArtifact, bytes | None]) -> StoreAnswer:
    return Artifacts(engine).store(*lease.key, [item for item, _ in items], [body for _, body in items])


@pytest.fixture
def lease(engine: sa.Engine) -> Lease:
    return running_bench(engine)[1]


def test_what_is_stored_again_after_a_lost_reply_is_stored_once(engine: sa.Engine, lease: Lease) -> None:
    for _ in range(2):
        assert _store(engine, lease, (_item(), b"text")) == "stored"
    (row,) = artifacts_of(engine, lease.execution)
    assert read_artifact(engine, row) == b"text"


def test_only_the_holder_of_the_lease_stores_and_only_until_its_result_is_recorded(
    engine: sa.Engine, lease: Lease
) -> None:
    assert _store(engine, replace(lease, token=uuid4()), (_item(), b"text")) == "fenced"
    Leases(engine).complete(*lease.key, result(), None)
    assert _store(engine, lease, (_item(), b"text")) == "fenced"
    assert artifacts_of(engine, lease.execution) == []


def test_a_worker_whose_lease_was_lost_still_stores_what_its_late_result_refers_to(
    engine: sa.Engine, lease: Lease
) -> None:
    assert Leases(engine).report_lost(*lease.key, "as a test wants it")
    assert _store(engine, lease, (_item(), b"text")) == "stored"
    assert Leases(engine).complete(*lease.key, result(), None) == "late"
    assert _store(engine, lease, (_item("logs/b.log"), b"text")) == "fenced"


@pytest.mark.parametrize(
    ("item", "body", "reason"),
    [
        (_item("../outside"), b"text", "no path of a file in an archive"),
        (_item("/etc/passwd"), b"text", "no path of a file in an archive"),
        (_item("logs/../../x"), b"text", "no path of a file in an archive"),
        (_item("logs/"), b"text", "no path of a file in an archive"),
        (_item("manifest.json"), b"text", "no path of a file in an archive"),
        (_item("logs"), b"text", "no path of a file in an archive"),
        (_item(stored_size=1), b"text", "stored size is not that of its bytes"),
        (_item(store="ftp://x"), None, "its store is none of this farm"),
        (_item(store="file:///home/other"), None, "its store is none of this farm"),
        (_item(), b"other", "digest is not that of its bytes"),
        (_item(), None, "bytes are missing"),
        (_item(size=-1), b"text", "a number of it is impossible"),
        (_item(encoding="zip"), b"text", "encoding is impossible"),
    ],
)
def test_a_forged_artifact_is_refused_and_nothing_of_it_is_stored(
    engine: sa.Engine, lease: Lease, item: NewArtifact, body: bytes | None, reason: str
) -> None:
    with pytest.raises(DBAPIError, match=reason):
        _store(engine, lease, (_item("logs/good.log"), b"text"), (item, body))
    assert artifacts_of(engine, lease.execution) == []


def test_one_attempt_cannot_fill_the_database(engine: sa.Engine, lease: Lease) -> None:
    body = b"x" * (3 * 2**20)
    bodies = [body + bytes([number]) for number in range(3)]
    with pytest.raises(DBAPIError, match="more bytes than one attempt may store"):
        _store(engine, lease, *((_item(f"logs/{n}.log", each), each) for n, each in enumerate(bodies)))
    assert artifacts_of(engine, lease.execution) == []


@dataclass
class LossyTable:
    """The database, whose reply to the first call is lost after the commit."""

    artifacts: Artifacts
    calls: int = 0

    def farm_id(self) -> str:
        return self.artifacts.farm_id()

    def store(
        self, execution: int, attempt: int, token: UUID, items: list[NewArtifact], bodies: list[bytes | None]
    ) -> StoreAnswer:
        answer = self.artifacts.store(execution, attempt, token, items, bodies)
        self.calls += 1
        if self.calls == 1:
            raise OperationalError("SELECT", {}, ConnectionError("reply lost"), connection_invalidated=True)
        return answer


@dataclass(frozen=True)
class Ran:
    """A recorded execution whose machine, with its archives, is gone."""

    lease: Lease
    original: Path
    """A copy of its archives, to compare with."""


def _ran(
    engine: sa.Engine,
    repository: Repository,
    machine: Machine,
    url: str = "postgres:",
    code: str = FIX,
    table: Any = None,
) -> Ran:
    """Run a real execution, keep its artifacts, complete it, and lose the machine's directory."""
    planned = {"swarm_id": "serial_handoff", "candidates": 1, "minutes": 30, "iterations": 1}
    workcell = {
        "repo": str(repository.path),
        "base": repository.commit,
        "gates": [{"name": "test", "command": "python -m pytest -q tests", "junit": True}],
        "toolchains": [python(code).model_dump(mode="json")],
        "rates": {"usd_per_minute": 0.0},
        "seconds_per_minute": 1.0,
    }
    bench = new_bench([new_case([replace(new_arm(CODE[0]), planned=planned)], workcell=workcell)])
    Plans(engine).write(bench)
    admit_all(engine, bench.bench_id)
    lease = claim(engine)
    outcome = run_execution(WorkOrder.model_validate(lease.order), machine, Control())
    assert outcome.status == "success", outcome.message
    _keep(engine, lease, outcome, url, table)
    assert Leases(engine).complete(*lease.key, outcome.model_dump(mode="json"), None) == "recorded"
    original = machine.archives_dir.with_name("original")
    shutil.move(machine.archives_dir, original)
    return Ran(lease, original)


def _keep(engine: sa.Engine, lease: Lease, outcome: ExecutionResult, url: str, table: Any) -> None:
    keeper = ArtifactKeeper(table or Artifacts(engine), url, store_patience_seconds=0)
    keeper.keep(*lease.key, outcome, patience_seconds=10)


def _tree(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("where", ["postgres", "file", "s3"])
def test_a_machine_that_is_lost_after_completing_loses_nothing(
    engine: sa.Engine,
    repository: Repository,
    machine: Machine,
    tmp_path: Path,
    where: str,
    request: pytest.FixtureRequest,
) -> None:
    url = "postgres:"
    if where == "file":
        url = f"file://{tmp_path}/store"
    elif where == "s3":
        url = request.getfixturevalue("s3_bucket")
    ran = _ran(engine, repository, machine, url, NOISY)
    restored = restore_archives(engine, tmp_path / "restored")
    assert (restored.written, restored.incomplete) == (1, [])
    assert _tree(tmp_path / "restored") == _tree(ran.original)
    assert restore_archives(engine, tmp_path / "restored").added == 0
    (archive,) = (tmp_path / "restored").iterdir()
    shutil.rmtree(archive / "logs")
    (archive / "proof.json").write_text("changed")
    assert restore_archives(engine, tmp_path / "restored")[:2] == (0, 1)
    original = {name: data for name, data in _tree(ran.original).items() if not name.endswith("proof.json")}
    assert _tree(tmp_path / "restored").items() >= original.items()
    assert (archive / "proof.json").read_text() == "changed"
    rows = artifacts_of(engine, ran.lease.execution)
    assert {row.name for row in rows} >= {
        "patch.diff",
        "logs/round-1.stdout",
        "logs/gate-1-test.log",
        "logs/gate-1-test.junit.xml",
    }
    (noise,) = [row for row in rows if row.name == "logs/round-1.stdout"]
    assert noise.store == (url if where == "postgres" else f"{url}/{Artifacts(engine).farm_id()}")
    assert b"+    return a + b" in (patch_of(engine, ran.lease.execution) or b"")


def test_a_lost_reply_stores_everything_once(
    engine: sa.Engine, repository: Repository, machine: Machine
) -> None:
    table = LossyTable(Artifacts(engine))
    ran = _ran(engine, repository, machine, table=table)
    assert table.calls == 2
    names = [row.name for row in artifacts_of(engine, ran.lease.execution)]
    assert len(names) == len(set(names)) > 2


def test_files_go_to_the_database_while_the_object_store_does_not_answer(
    engine: sa.Engine, repository: Repository, machine: Machine
) -> None:
    ran = _ran(engine, repository, machine, "file:///proc/no/such/store", NOISY)
    rows = artifacts_of(engine, ran.lease.execution)
    assert {row.store for row in rows} == {"postgres:"}
    assert all(read_artifact(engine, row) is not None for row in rows)


def test_retention_by_age_deletes_logs_and_keeps_the_patch(
    engine: sa.Engine, repository: Repository, machine: Machine, tmp_path: Path
) -> None:
    ran = _ran(engine, repository, machine, f"file://{tmp_path}/store", NOISY)
    _age_files(tmp_path / "store")
    _age(engine, ran.lease.execution, 20)
    old = Retention(seconds=14 * DAY)
    counted = prune_artifacts(engine, old, dry_run=True)
    assert counted[0] > 1
    assert _tree(tmp_path / "store") != {}
    assert prune_artifacts(engine, old, dry_run=False) == counted
    assert prune_artifacts(engine, old, dry_run=False) == (0, 0)
    rows = {row.name: row for row in artifacts_of(engine, ran.lease.execution)}
    assert {name for name, row in rows.items() if row.pruned_at is None} == {
        "patch.diff",
        "conversation.json.gz",
    }
    assert patch_of(engine, ran.lease.execution)
    with pytest.raises(FailureError, match="was deleted by retention on 20"):
        read_artifact(engine, rows["logs/round-1.stdout"])
    assert [row.name for row in rows.values() if row.digest and _is_file(tmp_path, row.digest)] == [
        "conversation.json.gz"
    ]
    restored = restore_archives(engine, tmp_path / "restored")
    assert (restored.written, len(restored.incomplete)) == (1, counted[0])


def _is_file(directory: Path, digest: str) -> bool:
    return bool(list((directory / "store").glob(f"*/sha256/*/{digest}")))


def _age_files(directory: Path) -> None:
    for path in directory.rglob("*"):
        os.utime(path, (0, 0))


def test_a_store_that_cannot_be_reached_keeps_its_rows_and_no_other_from_being_pruned(
    engine: sa.Engine, repository: Repository, machine: Machine, tmp_path: Path
) -> None:
    ran = _ran(engine, repository, machine, f"file://{tmp_path}/store", NOISY)
    _age(engine, ran.lease.execution, 20)
    (tmp_path / "store").rename(tmp_path / "away")
    with pytest.raises(FailureError, match="these stores cannot be reached"):
        prune_artifacts(engine, Retention(seconds=14 * DAY), dry_run=False)
    rows = artifacts_of(engine, ran.lease.execution)
    assert {row.store for row in rows if row.pruned_at is not None} == {"postgres:"}
    (tmp_path / "away").rename(tmp_path / "store")
    count, _ = prune_artifacts(engine, Retention(seconds=14 * DAY), dry_run=False)
    assert count > 0


def test_one_refused_file_does_not_cost_the_patch(
    engine: sa.Engine, repository: Repository, machine: Machine
) -> None:
    planted: list[str] = []

    class Refusing(LossyTable):
        def store(self, execution: int, attempt: int, token: UUID, items: Any, bodies: Any) -> StoreAnswer:
            if not planted:
                planted.append(items[0].name)
                items[0] = replace(items[0], name="../outside")
            return self.artifacts.store(execution, attempt, token, items, bodies)

    ran = _ran(engine, repository, machine, table=Refusing(Artifacts(engine)))
    assert [row.name for row in artifacts_of(engine, ran.lease.execution)] == ["patch.diff"]
    assert patch_of(engine, ran.lease.execution)


def test_a_body_that_becomes_more_than_its_row_says_is_not_unpacked(engine: sa.Engine, lease: Lease) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    _store(engine, lease, (_item(body=bomb, encoding="gzip", size=10), bomb))
    (row,) = artifacts_of(engine, lease.execution)
    with pytest.raises(FailureError, match="longer than its row says"):
        read_artifact(engine, row)


def _age(engine: sa.Engine, execution: int, days: float) -> None:
    statement = sa.text("""
        UPDATE farm.artifacts SET stored_at = now() - make_interval(secs => :s) WHERE execution_id = :e""")
    with engine.begin() as connection:
        connection.execute(statement, {"e": execution, "s": days * DAY})


def test_retention_by_size_deletes_the_oldest_and_keeps_bytes_that_others_share(engine: sa.Engine) -> None:
    shared, own = b"shared" * 100, b"own" * 200
    executions = []
    for days in (3, 2, 1):
        _, lease = running_bench(engine)
        body = own if days == 3 else shared
        _store(engine, lease, (_item(body=shared), shared), (_item("logs/b.log", body), body))
        _age(engine, lease.execution, days)
        executions.append(lease.execution)
    assert prune_artifacts(engine, Retention(max_bytes=1900), dry_run=False) == (3, 1800)
    kept = [{row.name for row in artifacts_of(engine, each) if row.pruned_at is None} for each in executions]
    assert [len(each) for each in kept] == [0, 1, 2]
    with engine.connect() as connection:
        digests = set(connection.scalars(sa.text("SELECT digest FROM farm.blobs")))
    assert digests == {hashlib.sha256(shared).hexdigest()}


def test_damaged_bytes_are_an_error_and_no_content(engine: sa.Engine, lease: Lease) -> None:
    _store(engine, lease, (_item(), b"text"))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.blobs SET bytes = 'forged'"))
    (row,) = artifacts_of(engine, lease.execution)
    with pytest.raises(FailureError, match="is damaged"):
        read_artifact(engine, row)


def test_the_execution_to_take_is_the_winners_first_passing_one(engine: sa.Engine) -> None:
    assert execution_to_take(engine, "nobody") is None
    _, lease = running_bench(engine)
    Leases(engine).complete(*lease.key, result(), None)
    document = sa.text(
        "SELECT issue_id, arm_id, case_id FROM farm.executions JOIN farm.cases USING (case_id)"
    )
    with engine.begin() as connection:
        case = connection.execute(document).mappings().one()
        assert execution_to_take(engine, case["issue_id"]) is None
        connection.execute(
            sa.text("""INSERT INTO farm.verdicts (case_id, winner_arm_id, objective, tie_size, weights)
                       VALUES (:case_id, :arm_id, 'minimize_cost', 1, CAST(:weights AS jsonb))"""),
            {**case, "weights": json.dumps({})},
        )
    chosen = execution_to_take(engine, case["issue_id"])
    assert chosen is not None
    assert (chosen.execution_id, chosen.arm_id) == (lease.execution, case["arm_id"])
