"""What streams covered, read from real rows by the commands that show it."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from bench.cli.main import main
from bench.intake.issue import Issue
from db.repositories.leases import Leases
from db.repositories.plans import Plans
from planner.actions import NA, SERIAL, SPECULATE, Action
from tests.fixtures.rows import admit_all, claim, new_arm, new_bench, new_case, result, store_issues

Said = pytest.CaptureFixture[str]
ROUTINE = ("low", "S", Action(SERIAL, 1, 30, NA))
RISKY = ("high", "L", Action(SPECULATE, 2, 60, NA))
CRITICAL = ("critical", "L", Action(SPECULATE, 3, 60, NA))


class Noon(datetime):
    """A clock that stands: no day ends between two audits."""

    @classmethod
    def now(cls, tz: Any = None) -> "Noon":
        return cls(2026, 3, 1, 12, tzinfo=tz)


def decision(
    asked: Action | None, ran: Action, reason: str = "", kernel: str = "k1", explored: bool = False
) -> dict[str, Any]:
    """A stream's decision; `asked` is the model's own answer, None where it abstained for `reason`."""
    said = asked or ran
    return {
        "planner_action": {
            "swarm_id": said.swarm_id,
            "budgets": {name: getattr(said, name) for name in Action._fields[1:]},
            "abstain_to_default": asked is None,
            "reason": reason,
        },
        "policy_trace": {
            "policy_mode": "off" if reason == "planner_off" else "log",
            "exploration": {"enabled": explored},
            "stability": {
                "kernel_config_hash": kernel,
                "universe_hash": "u",
                "prompt_frontier_hash": "p",
            },
        },
        "agrees": said == ran,
        "explored": explored,
    }


def record(
    engine: sa.Engine, bench_id: str, runs: list[tuple[tuple[str, str, Action], dict[str, Any]]]
) -> None:
    """A stream with these runs, each of them carried out as its action says and finished."""
    cases = []
    for number, ((risk, size, action), decided) in enumerate(runs):
        name = f"{bench_id}-{number}"
        changes: dict[str, Any] = {"issue_id": name, "dk_risk": risk, "dk_size": size, "decision": decided}
        cases.append(new_case([new_arm(action)], number, **changes))
    Plans(engine).write(new_bench(cases, bench_id=bench_id, kind="stream", k=1))
    admit_all(engine, bench_id)
    for (_, _, action), _ in runs:
        lease = claim(engine)
        plan = {
            "swarm_id_executed": action.swarm_id,
            "max_candidates_executed": action.max_candidates_bin,
            "timeout_seconds_executed": 60.0 * int(action.max_minutes_bin),
            "max_iterations_executed": None,
            "fallback_applied": False,
            "fallback_reason": None,
        }
        Leases(engine).complete(*lease.key, result(executed_plan=plan), None)


@pytest.fixture
def here(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.delenv("BENCH_ARCHIVES_DIR", raising=False)
    workcell = {"repo": "/repo", "base": "main", "gates": [{"name": "t", "command": "true"}]}
    (tmp_path / "bench.yaml").write_text(yaml.safe_dump({"workcell": workcell}))
    return tmp_path


def test_lanes_count_what_ran_and_what_is_ready(engine: sa.Engine, here: Path, capsys: Said) -> None:
    off = "planner_off"
    runs = [(shape, decision(None, shape[2], off)) for shape in [ROUTINE] * 6 + [RISKY] * 3]
    record(engine, "s-1", runs)
    ready = [Issue(id="next", dk_risk="critical", dk_size="XL"), Issue(id="shut", status="closed")]
    store_issues(engine, "test", [issue.document() for issue in ready])
    assert main(["lanes", "--json"]) == 0
    view = json.loads(capsys.readouterr().out)
    found = [(lane["lane"], lane["runs"], lane["verdict"], lane["ready"]) for lane in view["lanes"]]
    assert found == [("A", 6, "met", 0), ("B", 3, "met", 0), ("C", 0, "few", 1)]
    assert view["epochs"][0]["lanes"] == {"A": 6, "B": 3}
    assert main(["lanes"]) == 0
    said = capsys.readouterr()
    assert "67 %" in said.out
    assert "too few" in said.out
    assert "too few ×3 (lane C): add 1 issue of critical risk, L–XL; 1 such are ready" in said.err


def test_lanes_of_one_epoch_alone(engine: sa.Engine, here: Path, capsys: Said) -> None:
    record(engine, "s-1", [(ROUTINE, decision(None, ROUTINE[2], "planner_off", "k1"))])
    record(engine, "s-2", [(RISKY, decision(None, RISKY[2], "planner_off", "k2"))] * 2)
    assert main(["lanes", "--json"]) == 0
    epochs = json.loads(capsys.readouterr().out)["epochs"]
    assert [one["runs"] for one in epochs] == [1, 2]
    assert main(["lanes", "--json", "--epoch", epochs[1]["epoch"][:12]]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 2
    assert main(["lanes", "--epoch", "nope"]) == 2
    assert epochs[0]["epoch"][:12] in capsys.readouterr().err


def test_an_audit_says_the_same_on_the_screen_and_in_its_file(
    engine: sa.Engine, here: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cli.audit.datetime", Noon)
    other = ROUTINE[2]._replace(max_minutes_bin=15)
    record(
        engine,
        "s-1",
        [
            (ROUTINE, decision(ROUTINE[2], ROUTINE[2])),
            (ROUTINE, decision(other, ROUTINE[2])),
            (CRITICAL, decision(None, CRITICAL[2], "low_confidence_0.412")),
            (CRITICAL, decision(None, CRITICAL[2], "low_confidence_0.377")),
        ],
    )
    assert main(["audit", "--out", "audits"]) == 0
    said = capsys.readouterr()
    path = here / "audits" / "audit-2026-03-01.md"
    text = path.read_text()
    assert "| all four | 1 | 2 | 50 % |" in text
    assert "| minutes | 1 | 2 | 50 % |" in text
    assert "| swarm | 2 | 2 | 100 % |" in text
    assert "| low_confidence | 2 | 50 % |" in text
    assert f"Dataset: none; cannot read archives from {here}/.bench/archives" in text
    assert "- 500 more examples of code: training asks for 500" in text
    assert "Dataset: none" in said.out
    assert "all four" in said.out
    before = path.stat().st_ino
    assert main(["audit", "--out", "audits"]) == 0
    assert path.read_text() == text
    assert path.stat().st_ino != before  # replaced, never written in place
    assert list(path.parent.iterdir()) == [path]


def test_an_audit_before_the_first_run_says_what_to_do(here: Path, capsys: Said) -> None:
    assert main(["audit"]) == 0
    assert "- nothing ran yet; start with: bench run" in capsys.readouterr().out


def test_an_audit_that_cannot_be_written_is_one_line(here: Path, capsys: Said) -> None:
    (here / "taken").write_text("")
    assert main(["audit", "--out", "taken"]) == 1
    said = capsys.readouterr()
    assert "cannot write taken/audit-" in said.err
    assert said.out == ""
