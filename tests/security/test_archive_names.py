"""The name of a workcell becomes that of a directory: none that leaves its place is written, recorded or restored."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from pydantic import ValidationError

from bench.cli.main import cli
from bench.results.archives import restore_archives
from db.repositories.leases import Leases
from db.repositories.plans import Plans
from tests.fixtures.rows import CODE, admit_all, claim, new_arm, new_bench, new_case, result
from workers.execution.archive import CandidateRecord, is_archive_name, write_archive
from workers.result import CandidateResult
from workers.spec import WorkOrder

GOOD = "x1-a1-c0-0badcafe"
BAD = (
    "../../x",
    "..",
    ".",
    "",
    "/tmp/x",
    "a/b",
    ".hidden",
    "a\0b",
    "a\n",
    "x" * 129,
    "\u202egpj.x",
    "~",
    "-rf",
)
GATE = {"name": "tests", "command": ["true"]}


def candidate(name: str) -> CandidateResult:
    """A recorded candidate of any name, as an older version or a forger would have it."""
    made = CandidateResult(
        index=0,
        workcell_id=GOOD,
        seed=1,
        status="success",
        duration_ms=5,
        billed_ms=5,
        started_at=1.0,
        archive="x",
    )
    return made.model_copy(update={"workcell_id": name})


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_leaves_its_place_is_none(name: str, tmp_path: Path) -> None:
    assert not is_archive_name(name)
    with pytest.raises(ValidationError):
        CandidateResult.model_validate(candidate(name).model_dump())
    order = cast(Any, WorkOrder).model_construct()
    with pytest.raises(ValueError, match="is no name of an archive"):
        write_archive(tmp_path / "archives", CandidateRecord(order, None, candidate(name)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [GOOD, "wc-1", "A.b_c-9", "0", "x" * 128])
def test_ordinary_names_are_taken(name: str) -> None:
    assert is_archive_name(name)
    assert CandidateResult.model_validate(candidate(name).model_dump()).workcell_id == name


def recorded(engine: sa.Engine) -> None:
    """One honest candidate, in a bench whose orders can be read again."""
    planned = {"swarm_id": "serial_handoff", "candidates": 1, "minutes": 1, "iterations": 1}
    workcell: dict[str, Any] = {
        "repo": "/nowhere",
        "base": "0" * 40,
        "gates": [GATE],
        "toolchains": [{"name": "repair"}],
        "rates": {"usd_per_minute": 0.0},
    }
    bench = new_bench([new_case([replace(new_arm(CODE[0]), planned=planned)], workcell=workcell)])
    Plans(engine).write(bench)
    admit_all(engine, bench.bench_id)
    lease = claim(engine)
    said = result(candidates=[candidate(GOOD).model_dump(mode="json")])
    assert Leases(engine).complete(*lease.key, said, None) == "recorded"


def rename(engine: sa.Engine, name: str) -> None:
    """As a farm of before has it in its rows: the document is what a restore reads."""
    statement = "UPDATE farm.candidates SET document = jsonb_set(document, '{workcell_id}', to_jsonb(CAST(:n AS text)))"
    with engine.begin() as connection:
        connection.execute(sa.text(statement), {"n": name})


@pytest.mark.parametrize("name", ["../../x", "../x", "a/../../x", ".."])
def test_a_restore_writes_nothing_outside_of_its_target_for_a_name_of_before(
    engine: sa.Engine, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(engine)
    rename(engine, name)
    target = tmp_path / "deep" / "down" / "archives"
    target.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setenv("BENCH_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("BENCH_BROKER_URL", "memory://")
    done = CliRunner().invoke(cli, ["archives", "restore", str(target)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "1 not written, the recorded name is not a valid archive name" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_the_honest_candidate_is_restored(engine: sa.Engine, tmp_path: Path) -> None:
    recorded(engine)
    found = restore_archives(engine, tmp_path)
    assert (found.written, found.refused, found.lost) == (1, [], [])
    assert [each.name for each in tmp_path.iterdir()] == [GOOD]
