"""`bench value`: the same numbers on the screen, as JSON and in SQL; killed runs, fixed actions, the worst utility."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.results.evidence import read_evidence
from bench.results.value_show import details_parts, value_parts
from bench.statistics.table import MISSING
from bench.statistics.value import policy_values
from bench.terminal import plain_console, print_parts
from planner.actions import all_cells
from tests.fixtures.known_benches import write_known_bench

Said = pytest.CaptureFixture[str]
THREE = "always speculate_vote ×3 60m"


@pytest.fixture(autouse=True)
def _farm(engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del engine
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)


@pytest.fixture
def shown(capsys: Said) -> Any:
    """The document of `bench value --json`."""

    def show(*arguments: str) -> Any:
        assert main(["value", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return show


def killed_bench(engine: sa.Engine) -> str:
    """Forty percent of the runs with three candidates are killed by their cap."""
    bench, _ = write_known_bench(
        engine,
        150,
        K=10,
        error_rate=lambda cell: 0.4 if all_cells()[cell].max_candidates_bin == 3 else 0.0,
        error_class="killed_by_cap",
    )
    return bench


def in_sql(engine: sa.Engine, bench: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT * FROM report.policy_values WHERE bench_id = :bench"), {"bench": bench}
        )
        return {(row["policy"], row["quantity"], row["estimator"]): dict(row) for row in rows.mappings()}


@pytest.mark.parametrize("is_killed", [False, True])
def test_json_and_sql_have_the_same_rows(engine: sa.Engine, shown: Any, is_killed: bool) -> None:
    bench = killed_bench(engine) if is_killed else write_known_bench(engine, 150, K=10, error_rate=0.03)[0]
    document = shown(bench)
    rows = in_sql(engine, bench)
    assert len(rows) == len(document["estimates"]) > 200
    for row in document["estimates"]:
        stored = rows[row["policy"], row["quantity"], row["estimator"]]
        assert row == {name: stored[name] for name in row}
    assert {row["estimand"] for row in rows.values()} == {document["estimand"]}
    assert document["estimand"] == ("pass_within_caps" if is_killed else "pass_own_budget")
    over = {(row["quantity"].endswith("_here"), row["interval_over"]) for row in rows.values()}
    assert over == {(False, "issues like these"), (True, "these issues")}


def test_the_screen_has_the_recommended_rows(engine: sa.Engine, shown: Any, capsys: Said) -> None:
    bench = killed_bench(engine)
    quoted = [row for row in shown(bench)["estimates"] if row["is_recommended"]]
    assert main(["value", bench]) == 0
    screen = capsys.readouterr().out
    lines = {line.split("  ")[0].strip(): line for line in screen.splitlines()}
    for row in quoted:
        if row["quantity"] == "value":
            assert (
                f"{100 * row['value']:.1f} % ({100 * row['low']:.1f} … {100 * row['high']:.1f})"
                in lines[row["policy"]]
            )
        elif row["quantity"] == "difference":
            assert f"{100 * row['value']:+.1f} % ({100 * row['low']:+.1f} … " in lines[row["policy"]]
    assert (
        "pass_within_caps, the default where runs were killed: a run killed by its own dollar cap is a failure"
        in screen
    )
    assert "95 % Holm over" in screen


def test_bounds_lead_where_runs_are_missing_and_the_gate_does_not_pass(
    engine: sa.Engine, shown: Any, capsys: Said
) -> None:
    bench = killed_bench(engine)
    asked = ("--estimand", "pass_own_budget", "--action", "speculate_vote/3/60/NA")
    document = shown(bench, *asked)
    (value,) = [
        row
        for row in document["estimates"]
        if row["policy"] == THREE and row["quantity"] == "value" and row["is_recommended"]
    ]
    assert (value["estimator"], value["value"]) == ("Manski bounds", None)
    assert value["high"] - value["low"] > value["missing_share"] > 0.3
    assert value["missing_by_class"] == {"killed_by_cap": pytest.approx(value["missing_share"])}
    (difference,) = [
        row for row in document["estimates"] if row["policy"] == THREE and row["quantity"] == "difference"
    ]
    assert difference["high"] is None
    assert "runs are missing, so only bounds are claimed, and no ranking" in difference["why_not"]
    assert main(["value", bench, *asked]) == 0
    assert "or estimate pass_within_caps" in capsys.readouterr().out
    assert main(["value", bench, *asked, "--policy", "nobody", "--fail-on-regression"]) == 2


def test_every_table_fits_eighty_columns(engine: sa.Engine, capsys: Said) -> None:
    evidence = read_evidence(engine, killed_bench(engine))
    from bench.results.publish import evidence_values

    values = evidence_values(evidence)
    narrow = plain_console(None)
    narrow.width = 80
    print_parts(narrow, [*value_parts(evidence, values, []), *details_parts(values[0])])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("(" in line and line.startswith(" serial_handoff ×1 120m ") for line in lines)


def test_actions_that_ran_too_seldom_are_one_line(engine: sa.Engine, shown: Any) -> None:
    bench, _ = write_known_bench(engine, 40, K=6)
    document = shown(bench)
    assert not any(row["policy"].startswith("always ") for row in document["estimates"])
    assert any("ran on fewer than 30 issues' worth of arms" in note for note in document["notes"])
    named = shown(bench, "--action", "speculate_vote ×3 60m")
    (policy,) = [policy for policy in named["policies"] if policy["policy"] == THREE]
    assert "30 are needed" in policy["recommended"]["why_not"]
    assert [policy["policy"] for policy in shown(bench, "--action", "none")["policies"]] == [
        "heuristic_baseline",
        "uniform over allowed actions",
    ]


def test_a_cost_needs_no_worst_case_and_one_too_high_names_one_that_works(
    engine: sa.Engine, shown: Any, capsys: Said
) -> None:
    bench, _ = write_known_bench(engine, 60, K=6)
    asked = (bench, "--action", "none", "--minute-cost", "0.1")
    document = shown(*asked)
    assert any("worst utility of a run: -36, for 360 minutes and $5.1" in note for note in document["notes"])
    assert main(["value", *asked, "--worst", "-0.5"]) == 2
    said = capsys.readouterr().err
    assert "the lowest utility seen is -" in said
    worst = said.rsplit("such as ", 1)[1].strip()
    assert main(["value", *asked, "--worst", worst]) == 0


def test_what_is_no_action_is_refused_before_anything_is_read(capsys: Said) -> None:
    assert main(["value", "b-nope", "--action", "best"]) == 2
    assert "'best' is no action; write one as" in capsys.readouterr().err


def test_a_kill_next_to_another_loss_stays_missing(engine: sa.Engine) -> None:
    bench = killed_bench(engine)
    with engine.begin() as connection:
        (execution_id,) = connection.scalars(
            sa.text("SELECT execution_id FROM farm.outcomes WHERE error_class = 'killed_by_cap' LIMIT 1")
        )
        connection.execute(
            sa.text("""
                INSERT INTO farm.attempts (execution_id, attempt, lease_token, machine_id, ended_at, ending)
                VALUES (:id, 1, gen_random_uuid(), 'm', now(), 'error')"""),
            {"id": execution_id},
        )
        connection.execute(
            sa.text("""
                INSERT INTO farm.candidates (execution_id, attempt, candidate, workcell_id, status, error_class,
                                             duration_ms, cost_source, document)
                VALUES (:id, 1, 0, 'w-0', 'error', 'killed_by_cap', 1, 'reported', '{}'),
                       (:id, 1, 1, 'w-1', 'error', 'infra', 1, 'reported', '{}')"""),
            {"id": execution_id},
        )
    evidence = read_evidence(engine, bench)
    assert (evidence.table.missing == MISSING.index("infra")).sum() == 1
    values = policy_values(evidence.table, evidence.policies, evidence.features, seed=1, group_by="issue")
    (uniform,) = [value for value in values if value.policy.startswith("uniform")]
    assert uniform.own_missing is not None
    assert set(uniform.own_missing.by_class) == {"infra"}
