"""Half of the runs of every second action are killed by their own dollar cap, or lost: what the reports show."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.results.action_rates import ActionReport
from bench.results.evidence import bracket_of, read_evidence
from bench.results.publish import publish_estimates
from bench.results.read import read_results
from bench.results.reliability import read_reliability
from bench.statistics.outcomes import WITHIN_CAPS
from tests.fixtures.known_benches import write_known_bench


def is_hit(cell: int) -> bool:
    return cell % 2 == 0


def hit_bench(engine: sa.Engine, error_class: str) -> str:
    """Every action passes half of its runs; `is_hit` ones lose half of them."""
    bench, _ = write_known_bench(
        engine,
        40,
        K=6,
        chance=lambda _issue, _cell: 0.5,
        error_rate=lambda cell: 0.5 if is_hit(cell) else 0.0,
        error_class=error_class,
    )
    return bench


def stored(engine: sa.Engine, view: str, bench: str) -> list[Any]:
    with engine.connect() as connection:
        query = sa.text(f"SELECT * FROM report.{view} WHERE bench_id = :bench")
        return list(connection.execute(query, {"bench": bench}).all())


def test_a_kill_by_the_own_cap_is_a_failure_in_every_rate(engine: sa.Engine) -> None:
    bench = hit_bench(engine, "killed_by_cap")
    rows = [row for row in ActionReport(read_results(engine, bench)).rows if row.rate is not None]
    rates: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        assert row.rate.passes.estimand == row.rate.direct.estimand == WITHIN_CAPS
        assert row.rate.passes.value is not None
        rates[is_hit(row.rate.cell)].append(row.rate.passes.value)
    killed, others = (sum(values) / len(values) for values in (rates[True], rates[False]))
    assert killed < others
    assert not any(is_hit(row.rate.cell) for row in rows[:3])
    bracket = bracket_of(read_evidence(engine, bench))
    assert {bracket.oracle.lower.estimand, bracket.policies[0].value.estimand} == {WITHIN_CAPS}
    report = read_reliability(engine, bench, [2], [])
    assert {action.passes.estimand for action in report.actions} == {WITHIN_CAPS}
    assert (report.actions[0].runs, report.missing) == (40 * 6, {})
    publish_estimates(engine, bench)
    published = [row for row in stored(engine, "action_rates", bench) if row.quantity == "pass_rate"]
    assert {row.estimand for row in published} == {WITHIN_CAPS}
    oracle = [row for row in stored(engine, "oracle_brackets", bench) if row.quantity == "oracle"]
    assert {row.estimand for row in oracle} == {WITHIN_CAPS}


def test_lost_runs_leave_bounds_after_the_ranked_actions(engine: sa.Engine) -> None:
    bench = hit_bench(engine, "infra")
    rows = ActionReport(read_results(engine, bench)).rows
    points = [row.rate is not None and row.rate.passes.value is not None for row in rows]
    assert any(points)
    assert points == sorted(points, reverse=True)
    bounded = rows[points.index(False) :]
    assert [row.action for row in bounded] == [
        row.action for row in sorted(bounded, key=lambda row: row.action.label())
    ]
    for row in rows:
        if row.rate is not None and row.errors.total:
            assert row.rate.passes.value is None
            assert 0 <= row.rate.passes.low < row.rate.passes.high <= 1
    publish_estimates(engine, bench)
    labels = {row.action.label() for row in bounded}
    for row in stored(engine, "action_rates", bench):
        if row.quantity == "pass_rate" and row.subject in labels:
            assert (row.value, row.why_not, row.low is None) == (None, None, False)


def test_the_report_names_what_it_counts(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    bench = hit_bench(engine, "killed_by_cap")
    assert main(["report", bench]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "missing, not failures" not in shown
    assert "killed_by_cap counts as a failure in pass_within_caps; the others are missing" in shown
    assert "winners and labels are by pass_own_budget" in shown
    assert "rates here use only the runs of each action; the answer above" in shown
    assert "Oracle and regret in pass_within_caps" in shown
    assert main(["reliability", bench]) == 0
    assert "a run killed by its own dollar cap is a failure" in " ".join(capsys.readouterr().out.split())
    action = ActionReport(read_results(engine, bench)).rows[0].action
    assert main(["value", bench, "--action", action.label()]) == 0
    assert "rates by action in bench report use only the runs of each action" in " ".join(
        capsys.readouterr().out.split()
    )
    assert main(["report", bench, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["actions"]["estimand"] == WITHIN_CAPS
    lost = hit_bench_of_lost(engine)
    assert main(["report", lost]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "missing have no rate and no rank, only bounds: all missing runs fail … all pass" in shown


def hit_bench_of_lost(engine: sa.Engine) -> str:
    bench, _ = write_known_bench(
        engine, 40, seed=2, K=6, error_rate=lambda cell: 0.5 if is_hit(cell) else 0.0
    )
    return bench
