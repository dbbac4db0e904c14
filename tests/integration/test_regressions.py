"""Exit code 3 where a comparison regressed and a script asked for it; 1 where nothing could be compared."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.intake.issue import Issue
from bench.results.policies import register
from planner.actions import all_cells
from planner.space.baseline import baseline_action
from tests.fixtures.known_benches import write_known_bench
from tests.integration.test_drift_report import APRIL, MARCH, canary_bench

Said = pytest.CaptureFixture[str]
_DRIFT = ("drift", "--days", "3650")
_GATE = "--fail-on-regression"


@pytest.fixture(autouse=True)
def _farm(engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del engine
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)


def test_canaries_that_pass_less_often_fail_only_a_gate(engine: sa.Engine, capsys: Said) -> None:
    canary_bench(engine, "march", MARCH, "1.0", 0.7)
    canary_bench(engine, "april", APRIL, "2.0", 0.3)
    assert main([*_DRIFT]) == 0
    shown = capsys.readouterr().out
    assert main([*_DRIFT, _GATE]) == 3
    printed = capsys.readouterr()
    assert printed.out == shown
    assert "regressed: repair 2.0 passes less often than repair 1.0: odds ×" in printed.err
    assert main([*_DRIFT, _GATE, "-q", "-o", "csv", "--table", "by_version"]) == 3


def test_canaries_that_pass_more_often_are_no_regression(engine: sa.Engine, capsys: Said) -> None:
    canary_bench(engine, "march", MARCH, "1.0", 0.3)
    canary_bench(engine, "april", APRIL, "2.0", 0.7)
    assert main([*_DRIFT, _GATE]) == 0
    assert "changed" in capsys.readouterr().out


def test_a_gate_that_can_compare_nothing_does_not_pass(capsys: Said) -> None:
    assert main([*_DRIFT, _GATE]) == 1
    assert "nothing could be compared" in capsys.readouterr().err


def _only_the_baseline_passes(issue: Issue, cell: int) -> float:
    return 0.98 if all_cells()[cell] == baseline_action(issue.dk_risk, issue.dk_size, "code") else 0.01


def test_a_policy_that_is_worth_less_than_the_reference_fails_only_a_gate(
    engine: sa.Engine, small_bundle: Path, capsys: Said
) -> None:
    write_known_bench(engine, 120, K=20, chance=_only_the_baseline_passes)
    register(engine, small_bundle, "p")
    assert main(["value", "--policy", "p", "--json"]) == 0
    policies = json.loads(capsys.readouterr().out)["policies"]
    (difference,) = [one["difference"] for one in policies if one["policy"] == "p"]
    assert difference["high"] < 0
    assert main(["value", "--policy", "p", _GATE]) == 3
    assert "regressed: p is worth less than the reference" in capsys.readouterr().err


def test_a_gate_names_what_it_judges(capsys: Said) -> None:
    assert main(["value", _GATE]) == 2
    assert "name it with --policy NAME" in capsys.readouterr().err
