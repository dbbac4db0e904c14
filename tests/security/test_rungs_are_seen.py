"""In which sandbox work runs is decided by somebody, said everywhere, and never weak without a word."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.config.models import BenchConfig
from bench.results import labels
from bench.submit.sandboxes import Sandboxes, sandboxes_of
from bench.submit.submit import prepare_bench
from db.repositories.leases import Leases
from db.repositories.machines import MachineRow, Machines
from db.repositories.new_bench import NewBench
from db.repositories.verdicts import Verdicts
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.rows import claim, execution, new_bench, new_case, result, row, running_bench
from tests.fixtures.rungs import OFFERED
from tests.fixtures.small_bench import Bench, make_bench
from workers.errors import WorkerError
from workers.node.machine import offered_sandbox
from workers.node.supervisor import warnings
from workers.sandbox import ladder
from workers.sandbox.namespaces import ProcessGroupRung
from workers.sandbox.program import Rung


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without bubblewrap, of an ordinary user."""
    monkeypatch.setattr(ladder, "_bwrap", lambda: ladder._ABSENT)
    monkeypatch.setattr(ladder, "is_root", lambda: False)
    return monkeypatch


def no_namespaces(*, isolates: bool) -> None:
    """What a machine without user namespaces has to give."""
    del isolates


def test_root_gets_bubblewrap_or_one_line_with_the_ways_out(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(ladder, "is_root", lambda: True)
    with pytest.raises(WorkerError) as refusal:
        ladder.choose("auto")
    line = str(refusal.value)
    assert "\n" not in line
    for way in (
        "as root",
        "apt-get install bubblewrap",
        "ordinary user",
        "BENCH_SANDBOX=none",
        "`sandbox: none`",
    ):
        assert way in line
    assert ladder.choose("none").name in ("none", "group")


def test_an_ordinary_user_gets_namespaces_but_never_a_bare_group(machine: pytest.MonkeyPatch) -> None:
    if "unshare" in OFFERED:
        assert ladder.choose("auto").name == "unshare"
    machine.setattr(ladder, "_unshare", no_namespaces)
    with pytest.raises(WorkerError, match="no user namespaces"):
        ladder.choose("auto")
    assert ladder.choose("none") == ProcessGroupRung()


@pytest.mark.parametrize(
    ("config", "owner", "together"),
    [
        ("auto", "auto", "auto"),
        ("auto", "none", "none"),
        ("none", "auto", "none"),
        ("none", "bwrap", "bwrap"),
        ("bwrap", "none", "bwrap"),
        ("auto", "bwrap", "bwrap"),
    ],
)
def test_bubblewrap_once_asked_for_holds_and_none_must_be_said(
    config: str, owner: str, together: str
) -> None:
    assert ladder.strictest(config, owner) == together  # type: ignore[arg-type]


def test_each_execution_of_root_is_refused_and_runs_nothing(
    bench: Bench, machine: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.setattr(ladder, "is_root", lambda: True)
    mark = tmp_path / "ran"
    refused = bench.run(f"open({str(mark)!r}, 'w')", sandbox="auto")
    assert (refused.status, refused.error_class) == ("error", "infra")
    assert "apt-get install bubblewrap" in refused.message
    assert not mark.exists()
    allowed = bench.run("pass", sandbox="none")
    assert (allowed.status, allowed.candidates[0].sandbox) == ("failed", ladder.choose("none").name)
    owner = bench.on(sandbox="none").run("pass", sandbox="auto")
    assert owner.candidates[0].sandbox == ladder.choose("none").name


def test_a_worker_of_root_starts_only_where_it_is_told_to(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(ladder, "is_root", lambda: True)
    with pytest.raises(WorkerError, match="apt-get install bubblewrap"):
        offered_sandbox("auto")
    assert offered_sandbox("none") in ("none", "group")
    assert offered_sandbox("auto", by_config=True) in ("none", "group")


def test_a_worker_never_runs_as_root_or_weak_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "is_root", lambda: False)
    assert warnings("bwrap") == []
    assert "apt-get install bubblewrap" in warnings("unshare")[0]
    monkeypatch.setattr(ladder, "is_root", lambda: True)
    assert "as root" in warnings("bwrap")[0]
    assert len(warnings("none")) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="for root only")
def test_the_worker_s_command_says_it_in_one_line(tmp_path: Path) -> None:
    env = {
        "PATH": str(tmp_path),
        "BENCH_DATABASE_URL": "postgresql://nowhere/none",
        "BENCH_BROKER_URL": "redis://nowhere",
        "BENCH_WORK_DIR": str(tmp_path / "work"),
    }
    command = [sys.executable, "-m", "bench.cli.main", "worker"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "apt-get install bubblewrap" in line


def test_submit_refuses_before_anything_is_written(
    bench: Bench, machine: pytest.MonkeyPatch, engine: sa.Engine, tmp_path: Path
) -> None:
    machine.setattr(ladder, "is_root", lambda: True)
    backlog = tmp_path / "issues.jsonl"
    backlog.write_text(json.dumps({"id": "i-1", "title": "mend it", "status": "open"}))
    given: dict[str, dict[str, object]] = {
        "issue_selection": {"source": str(backlog), "slice": "all"},
        "workcell": {"repo": str(bench.repo), "base": "main", "gates": [{"name": "g", "command": "true"}]},
    }
    with pytest.raises(WorkerError, match="as root"):
        prepare_bench(engine, BenchConfig.model_validate(given), None, here=True)
    given["workcell"]["sandbox"] = "none"
    assert prepare_bench(engine, BenchConfig.model_validate(given), None, here=True).cases


def plan_asking(sandbox: str, **toolchain: object) -> NewBench:
    workcell = {"sandbox": sandbox, "toolchains": [{"name": "repair", **toolchain}]}
    return new_bench([new_case([], workcell=workcell)])


def test_submit_tells_the_rung_here(machine: pytest.MonkeyPatch) -> None:
    told = sandboxes_of(plan_asking("none"), None)
    assert told.document()["here"] == {ladder.choose("none").name: 1}
    (line,) = told.lines()
    assert "apt-get install bubblewrap" in line


def test_submit_tells_the_rungs_of_a_fleet_and_who_has_the_network() -> None:
    now = datetime.now(UTC)
    machines = [
        MachineRow(rung, [], 1, now, now, 0, False, rung, Decimal(seen), 0)
        for rung, seen in (("bwrap", 1), ("unshare", 2), ("none", 900))
    ]
    told = sandboxes_of(plan_asking("auto", network=True), machines)
    assert told.document() == {
        "asked": {"auto": 1},
        "here": None,
        "machines": {"bwrap": 1, "unshare": 1},
        "network": ["repair"],
    }
    lines = told.lines()
    assert lines[0] == "sandbox: the machines offer bwrap 1, unshare 1"
    assert "unshare" in lines[1]
    assert lines[2:] == [
        "network: repair can reach every public address, and no other service of the machine or its local network"
    ]


def test_bubblewrap_needs_no_warning() -> None:
    assert Sandboxes({"auto": 3}, {"bwrap": 3}, {}, ()).lines() == ["sandbox bwrap"]


def test_a_machine_tells_its_rung_under_its_own_token_only(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machines, token = Machines(engine), uuid4()
    machines.register("m", token, ["repair"], 2)
    assert machines.report_sandbox("m", token, "unshare")
    assert not machines.report_sandbox("m", uuid4(), "bwrap")
    assert not machines.report_sandbox("m", token, "[/bold]")
    assert [one.sandbox for one in machines.list_all()] == ["unshare"]
    monkeypatch.setenv("BENCH_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    assert main(["machines", "list"]) == 0
    assert "unshare" in capsys.readouterr().out
    assert main(["machines", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["sandbox"] == "unshare"


def candidate(rung: str) -> dict[str, object]:
    return {
        "index": 0,
        "workcell_id": f"x-{uuid4().hex}",
        "status": "success",
        "duration_ms": 5,
        "cost_source": "reported",
        "micro_usd": 1,
        "sandbox": rung,
    }


def test_results_say_where_they_were_won(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench, first = running_bench(engine, arms=3, config={"output": {"directory": None}})
    leases = [first, claim(engine), claim(engine)]
    for lease, rung in zip(leases, ("bwrap", "unshare", "unshare"), strict=True):
        Leases(engine).complete(*lease.key, result(candidates=[candidate(rung)]), None)
    found = row(
        engine,
        "SELECT array_agg(sandbox ORDER BY sandbox) AS rungs FROM report.arm_outcomes WHERE bench_id = :b",
        b=bench,
    )
    assert found["rungs"] == ["bwrap", "unshare", "unshare"]
    monkeypatch.setenv("BENCH_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.chdir(tmp_path)
    assert main(["report", bench]) == 0
    text = capsys.readouterr().out
    assert "sandbox of 3 executions: bwrap 1, unshare 2" in text
    assert "! 2 ran below bubblewrap" in text
    assert main(["report", bench, "--format", "md"]) == 0
    assert "! 2 ran below bubblewrap" in capsys.readouterr().out
    assert main(["report", bench, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["sandboxes"] == {"bwrap": 1, "unshare": 2}
    assert main(["status", bench]) == 0
    assert "! 2 ran below bubblewrap" in capsys.readouterr().out
    assert main(["status", bench, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sandboxes"] == {"bwrap": 1, "unshare": 2}


def test_what_labels_are_made_of_says_where_it_ran(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    Leases(engine).complete(*lease.key, result(candidates=[candidate("unshare")]), None)
    (case,) = Verdicts(engine).load([int(execution(engine, lease.execution)["case_id"])])
    assert [one.sandbox for one in case.arms[0].executions] == ["unshare"]


def test_labels_say_where_they_were_won(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, _ = write_known_bench(engine, 3)
    rungs = cycle(["bwrap", "none"])
    make = vars(labels)["LabelRow"]
    monkeypatch.setattr(labels, "LabelRow", lambda **row: make(**{**row, "sandbox": next(rungs)}))
    header = labels.export_labels(engine, tmp_path, [bench])
    documents = map(json.loads, (tmp_path / "best_of_k_dataset.jsonl").read_text().splitlines())
    counts = [document["bench_metadata"]["sandboxes"] for document in documents]
    assert header["sandboxes"] == {
        rung: sum(one.get(rung, 0) for one in counts) for rung in ("bwrap", "none")
    }
    assert min(header["sandboxes"].values()) > 0


def test_every_rung_below_bubblewrap_has_a_warning() -> None:
    rungs: list[Rung] = list(OFFERED.values())
    for rung in rungs:
        assert (ladder.weakness(rung.name) is None) == (rung.name in ("bwrap", "container"))
