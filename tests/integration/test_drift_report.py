"""Canaries, versions and gates, from the rows that workers leave."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.errors import BenchError
from bench.results.drift import read_drift
from bench.results.pooling import pooled_epochs_or_refuse
from tests.fixtures.known_benches import write_known_bench

MARCH = datetime(2026, 3, 10, 12, tzinfo=UTC)
APRIL = datetime(2026, 4, 10, 12, tzinfo=UTC)
TODAY = date(2026, 4, 30)


def canary_bench(engine: sa.Engine, name: str, at: datetime, version: str, chance: float) -> str:
    """The same 30 issues with the same arms, run at `at` by `version`; a gate that wavers on every tenth candidate."""
    bench, _ = write_known_bench(engine, 30, name=name, K=3, chance=lambda _issue, _cell: chance, seed=7)
    gates = [{"name": "test", "passed": True, "exit_code": 0, "reruns": []}]
    wavering = [{"name": "test", "passed": True, "exit_code": 0, "reruns": [False, True]}]
    values = {
        "bench": bench,
        "at": at,
        "fine": json.dumps(_document(version, gates)),
        "wavering": json.dumps(_document(version, wavering)),
    }
    with engine.begin() as connection:
        for statement in _WORKED:
            connection.execute(sa.text(statement), values)
    return bench


def _document(version: str, gates: list[dict[str, Any]]) -> dict[str, Any]:
    return {"rounds": [{"toolchain": "repair", "toolchain_version": version}] * 2, "gates": gates}


_WORKED = (
    # Outcomes may not be changed; these are to be of another day.
    "SET LOCAL session_replication_role = replica",
    """UPDATE farm.cases SET workcell = jsonb_set(workcell, '{flaky_reruns}', '2') WHERE bench_id = :bench""",
    """INSERT INTO farm.attempts (execution_id, attempt, lease_token, machine_id, ended_at, ending)
       SELECT execution_id, 1, gen_random_uuid(), 'm-1', :at, 'done' FROM farm.executions
       WHERE bench_id = :bench AND arm_id IS NOT NULL""",
    """INSERT INTO farm.candidates (execution_id, attempt, candidate, workcell_id, status, duration_ms, cost_source,
                                    document)
       SELECT execution_id, 1, 0, 'w', 'success', 1, 'unknown',
              CASE WHEN row_number() OVER (ORDER BY execution_id) % 10 = 0
                   THEN CAST(:wavering AS jsonb) ELSE CAST(:fine AS jsonb) END
       FROM farm.executions WHERE bench_id = :bench AND arm_id IS NOT NULL""",
    """UPDATE farm.outcomes o SET recorded_at = :at FROM farm.executions e
       WHERE e.execution_id = o.execution_id AND e.bench_id = :bench""",
)


def test_cells_that_recur_show_what_a_new_version_changed(engine: sa.Engine) -> None:
    canary_bench(engine, "march", MARCH, "1.0", 0.7)
    canary_bench(engine, "april", APRIL, "2.0", 0.3)
    write_known_bench(engine, 30, seed=8, name="other")
    found = read_drift(engine, 90, TODAY)
    assert (found.cells, found.runs) == (90, 180)
    (version,) = found.by_version
    assert (version.after, version.before, version.cells) == ("repair 2.0", "repair 1.0", 90)
    assert version.odds_ratio.high < 1
    assert version.adjusted_p < 0.001
    (day,) = found.by_day
    assert day.after == "2026-04-10"
    assert found.trend.turned == date(2026, 3, 10)
    assert [(one.version, one.scored) for one in found.versions] == [("1.0", 90), ("2.0", 90)]


def test_gates_that_gave_two_answers_are_counted(engine: sa.Engine) -> None:
    canary_bench(engine, "march", MARCH, "1.0", 0.7)
    (gate,) = read_drift(engine, 90, TODAY).gates
    assert (gate.repo, gate.gate, gate.judged, gate.rerun, gate.flaky) == ("/repo", "test", 90, 9, 9)
    assert gate.flaky_rate.value == pytest.approx(0.1)
    assert gate.flaky_rate.low == pytest.approx(0.0537, abs=1e-3)
    assert gate.false_alarm_rate.value == 1


def test_only_the_days_asked_for_are_looked_at(engine: sa.Engine) -> None:
    canary_bench(engine, "march", MARCH, "1.0", 0.7)
    canary_bench(engine, "april", APRIL, "1.0", 0.7)
    found = read_drift(engine, 30, TODAY)
    assert (found.since, found.runs, found.gates[0].judged) == (date(2026, 4, 1), 0, 90)


def test_another_commit_or_text_is_another_cell(engine: sa.Engine) -> None:
    canary_bench(engine, "march", MARCH, "1.0", 0.7)
    april = canary_bench(engine, "april", APRIL, "1.0", 0.7)
    with engine.begin() as connection:
        connection.execute(
            sa.text("""UPDATE farm.cases SET workcell = jsonb_set(workcell, '{base}', '"d00d"')
                       WHERE bench_id = :bench AND issue_id < 'i-0010'"""),
            {"bench": april},
        )
        connection.execute(
            sa.text("""UPDATE farm.cases SET issue = jsonb_set(issue, '{title}', '"said anew"')
                       WHERE bench_id = :bench AND issue_id >= 'i-0020'"""),
            {"bench": april},
        )
    assert read_drift(engine, 90, TODAY).cells == 30


def test_benches_of_different_versions_pool_only_when_asked(engine: sa.Engine) -> None:
    benches = [
        canary_bench(engine, "march", MARCH, "1.0", 0.7),
        canary_bench(engine, "april", APRIL, "2.0", 0.7),
    ]
    with pytest.raises(
        BenchError, match=r"different toolchain versions: repair 1\.0, repair 2\.0; .*--pool-epochs"
    ):
        pooled_epochs_or_refuse(engine, benches, pool_epochs=False)
    assert len(pooled_epochs_or_refuse(engine, benches, pool_epochs=True)) == 1


def test_the_command_prints_a_table_json_and_what_is_missing(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    assert main(["drift"]) == 0
    shown = capsys.readouterr().out
    assert "drift cannot be seen" in shown
    assert "set workcell.flaky_reruns" in shown
    canary_bench(engine, "march", MARCH, "1.0", 0.7)
    canary_bench(engine, "april", APRIL, "2.0", 0.3)
    assert main(["drift", "--days", "3650"]) == 0
    shown = capsys.readouterr().out
    assert "repair 2.0" in shown
    assert "changed" in shown
    assert main(["drift", "--days", "3650", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["by_version"][0]["cells"] == 90
    assert document["gates"][0]["flaky"] == 18
