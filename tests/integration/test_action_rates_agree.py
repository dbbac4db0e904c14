"""The rates of actions: weighted by 1/π, and the same in the report, in JSON and in SQL."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.results.action_rates import ActionReport
from bench.results.publish import publish_estimates
from bench.results.read import read_results
from planner.actions import SPECULATE
from tests.fixtures.known_benches import write_known_bench

MISSING = "more than 2 % missing: see report.action_rates"


def known_bench(engine: sa.Engine, **options: Any) -> str:
    """Risky issues are hard, and their baseline, which is certain, speculates; speculation helps everywhere."""

    def chance(issue: Any, cell: int) -> float:
        from planner.actions import all_cells

        hard = issue.dk_risk in ("high", "critical")
        return (0.1 if hard else 0.7) + 0.15 * (all_cells()[cell].swarm_id == SPECULATE)

    options = {"K": 4, "strategy": "coverage", "include_baseline": True, "error_rate": 0.0, **options}
    bench, _ = write_known_bench(engine, 60, chance=chance, **options)
    return bench


def sql(engine: sa.Engine, query: str, bench: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query), {"bench": bench}).all())


def test_sql_has_the_weighted_rates_of_the_report(engine: sa.Engine) -> None:
    bench = known_bench(engine, replicates=2, error_rate=0.002)
    report = ActionReport(read_results(engine, bench))
    assert report.is_weighted
    rates = {row.rate.cell: row for row in report.rows if row.rate is not None}
    views = sql(
        engine,
        """SELECT r.*, a.canonical_rank FROM report.pass_rate_by_action r
           JOIN (SELECT DISTINCT bench_id, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin,
                        canonical_rank FROM report.arm_outcomes) a
           USING (bench_id, swarm_id, max_candidates_bin, max_minutes_bin, max_iterations_bin)
           WHERE bench_id = :bench AND scored > 0""",
        bench,
    )
    assert {view.canonical_rank for view in views} == rates.keys()
    compared = 0
    for view in views:
        row = rates[view.canonical_rank]
        assert row.rate is not None
        assert (view.issues, view.passed, view.errors) == (row.rate.issues, row.rate.passed, row.errors.total)
        assert view.error_share == pytest.approx(row.errors.share)
        assert view.weighting == "Hájek, weights 1/π"
        if row.rate.direct.value is not None:
            compared += 1
            assert (view.why_not, view.pass_rate) == (None, pytest.approx(row.rate.direct.value))
        elif row.rate.direct.low is not None:
            assert (view.why_not, view.pass_rate) == (MISSING, None)
        else:
            assert view.pass_rate is None
            assert view.why_not in (MISSING, "fewer than 10 issues")
        if row.rate.dollars_per_pass.value is not None:
            assert float(view.cost_per_pass_usd) == pytest.approx(row.rate.dollars_per_pass.value)
            assert view.mean_time_to_pass_ms == pytest.approx(60_000 * row.rate.minutes_to_pass.value, abs=1)
    # The baselines alone ran on ten issues.
    assert compared >= 5
    assert any(
        view.pass_rate != pytest.approx(view.passed / view.scored) for view in views if view.why_not is None
    )
    shares = sql(engine, "SELECT * FROM report.errors_by_action WHERE bench_id = :bench", bench)
    assert sum(share.errors for share in shares) == sum(row.errors.total for row in report.rows)


def test_published_rates_are_those_of_the_report(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    bench = known_bench(engine)
    publish_estimates(engine, bench)
    assert main(["report", bench, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)["actions"]
    stored = {
        (row.subject, row.quantity): row
        for row in sql(engine, "SELECT * FROM report.action_rates WHERE bench_id = :bench", bench)
    }
    names = {"passes": "pass_rate", "direct": "own_pass_rate", "minutes_to_pass": "minutes_to_pass"}
    by_label = {tuple(row["action"]): row for row in document["actions"]}
    for row in ActionReport(read_results(engine, bench)).rows:
        for key, quantity in names.items():
            expected = by_label[tuple(row.action)].get(key)
            assert (expected is None) == (row.rate is None)
            if expected is not None:
                found = stored[row.action.label(), quantity]._mapping
                assert {name: found[name] for name in expected} == pytest.approx(expected, nan_ok=True)
    groups = {group["group"]: group for group in document["groups"]}
    for name, group in groups.items():
        assert stored[name, "pass_rate"].value == group["passes"]["value"]
    serial, speculate = (groups[f"swarm_id={swarm}"]["passes"] for swarm in ("serial_handoff", SPECULATE))
    assert serial["low"] < 0.4 < serial["high"]
    assert speculate["low"] < 0.55 < speculate["high"]
    for name in ("actions", "groups"):
        assert main(["report", bench, "-o", "csv", "--table", name]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1 + len(document[name])
    assert main(["report", bench]) == 0
    shown = capsys.readouterr().out
    assert "arms count 1/π" in shown
    assert "Actions by topology and budget" in shown
    rows = [line.rstrip() for line in shown[shown.index("Actions ") : shown.index("Regret")].splitlines()]
    assert max(len(row) for row in rows if "×" in row or "_bin" in row) <= 80


def test_arms_that_were_not_drawn_have_plain_means_that_are_named_so(engine: sa.Engine) -> None:
    bench = known_bench(engine, strategy="deterministic")
    report = ActionReport(read_results(engine, bench))
    assert not report.is_weighted
    views = sql(engine, "SELECT * FROM report.pass_rate_by_action WHERE bench_id = :bench", bench)
    assert {view.weighting for view in views} == {"plain mean over the issues where it ran"}
    for view in views:
        assert (view.pass_rate is None) == (view.issues < 10)
        assert view.pass_rate is None or view.pass_rate == pytest.approx(view.passed / view.scored)
    assert any(view.pass_rate is not None for view in views)


def test_the_runs_of_a_race_are_not_rated(engine: sa.Engine) -> None:
    bench = known_bench(engine, strategy="racing", replicates=3)
    report = ActionReport(read_results(engine, bench))
    assert report.is_race
    views = sql(engine, "SELECT * FROM report.pass_rate_by_action WHERE bench_id = :bench", bench)
    assert {view.weighting for view in views} == {"plain mean without the runs of the race"}
    assert sum(row.rate.runs for row in report.rows if row.rate is not None) < sum(
        view.scored for view in views
    )
    rated = sql(
        engine,
        """SELECT avg(share) AS rate FROM (
               SELECT arm_id, avg(is_passed::int) AS share FROM report.arm_outcomes
               WHERE bench_id = :bench AND replicate > 0 AND is_scored GROUP BY arm_id) arms""",
        bench,
    )
    (whole,) = sql(engine, "SELECT * FROM report.pass_rate_by_slice WHERE bench_id = :bench", bench)
    assert whole.pass_rate == pytest.approx(float(rated[0].rate))
