"""The estimates that SQL reads are those of the program, and say when they no longer are."""

import random
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.errors import BenchError
from bench.results.evidence import UNIFORM, read_evidence
from bench.results.publish import evidence_values, publish_estimates, publish_where_due
from bench.results.read import read_results
from bench.statistics.estimate import Estimate
from bench.statistics.oracle import oracle_bracket
from db.errors import DbError
from db.repositories.estimates import Estimates
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.random_benches import score_at_random

ESTIMATE = ("estimand", "value", "low", "high", "method", "why_not")


def rows(engine: sa.Engine, view: str, bench: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(sa.text(f"SELECT * FROM report.{view} WHERE bench_id = :b"), {"b": bench})
        return [dict(row) for row in found.mappings()]


def estimate(row: dict[str, Any], value: str = "value") -> Estimate:
    return Estimate(*(row[value if name == "value" else name] for name in ESTIMATE))


def is_current(engine: sa.Engine, bench: str) -> bool:
    (row,) = rows(engine, "published_estimates", bench)
    return bool(row["is_current"])


@pytest.fixture
def bench(engine: sa.Engine) -> str:
    """A published bench of 36 issues whose arms ran once."""
    return published_bench(engine, 1)


def published_bench(engine: sa.Engine, replicates: int) -> str:
    made, _ = write_known_bench(engine, 36, K=6, replicates=replicates, error_rate=0.03)
    score_at_random(engine, random.Random(1), [made], "p-1")
    publish_estimates(engine, made)
    return made


@pytest.mark.parametrize("replicates", [1, 3])
def test_the_views_hold_what_the_program_says(engine: sa.Engine, replicates: int) -> None:
    bench = published_bench(engine, replicates)
    results = read_results(engine, bench)
    check_arms(engine, bench, results)
    check_cases(engine, bench, results)
    evidence = read_evidence(engine, bench)
    check_values(rows(engine, "policy_values", bench), evidence)
    check_brackets(rows(engine, "oracle_brackets", bench), evidence)
    assert is_current(engine, bench)


def check_arms(engine: sa.Engine, bench: str, results: Any) -> None:
    found = {(row["case_id"], row["canonical_rank"]): row for row in rows(engine, "arm_judgements", bench)}
    for case_id, judged in results.judgements.items():
        for arm in judged.arms:
            row = found.pop((case_id, arm.cell))
            assert estimate(row, "estimate") == arm.estimate
            assert (row["runs"], row["observed"], row["chance_best"]) == (
                arm.runs,
                arm.observed,
                arm.chance_best,
            )
            assert row["identified"] == results.identified == judged.identified
            assert row["weight"] == row["chance_best"]
            assert row["in_winner_set"] == (arm.cell in judged.members)
            assert row["is_leader"] == (arm.cell == judged.leader)
            assert row["is_claimed"] == (arm.cell == judged.claimed)
    assert not found


def check_cases(engine: sa.Engine, bench: str, results: Any) -> None:
    ranks = {row["arm_id"]: row["canonical_rank"] for row in rows(engine, "arm_judgements", bench)}
    found = {row["case_id"]: row for row in rows(engine, "winner_sets", bench)}
    assert set(found) == set(results.judgements)
    for case_id, judged in results.judgements.items():
        row = found[case_id]
        assert estimate(row) == judged.value
        assert ranks[row["leader_arm_id"]] == judged.leader
        assert row["is_claimed"] == (judged.claimed is not None)
        assert sorted(ranks[arm] for arm in row["member_arm_ids"]) == list(judged.members)
        assert (row["members"], row["arms"]) == (len(judged.members), len(judged.arms))
        assert (row["p_value"], row["tie_size"]) == (judged.p_value, judged.tie_size)
        assert row["identified"] == results.identified


def check_values(found: list[dict[str, Any]], evidence: Any) -> None:
    by_key = {(row["policy"], row["quantity"], row["estimator"]): row for row in found}
    for one in evidence_values(evidence):
        for estimator, expected in one.estimates.items():
            assert estimate(by_key[one.policy, "value", estimator]) == expected
        for estimator, expected in (("Manski bounds", one.bounds), ("finite sample", one.finite_sample)):
            assert estimate(by_key[one.policy, "value", estimator]) == expected
        if one.difference is not None:
            assert estimate(by_key[one.policy, "difference", one.estimator]) == one.difference
        quoted = [row for row in found if row["policy"] == one.policy and row["is_recommended"]]
        assert estimate(next(row for row in quoted if row["quantity"] == "value")) == one.recommended
    assert {one.policy for one in evidence_values(evidence)} == {row["policy"] for row in found}
    assert {"heuristic_baseline", UNIFORM, "p-1"} <= {row["policy"] for row in found}


def check_brackets(found: list[dict[str, Any]], evidence: Any) -> None:
    expected = oracle_bracket(evidence.table, evidence.policies, seed=evidence.bench.seed)
    by_key = {(row["quantity"], row["policy"]): row for row in found}
    named: dict[tuple[str, str | None], Any] = {
        ("oracle", None): expected.oracle,
        ("advantage", None): expected.advantage,
    }
    named |= {("regret", one.policy): one.regret for one in expected.policies}
    assert set(by_key) == set(named)
    for key, bracket in named.items():
        row = by_key[key]
        for end, name in (("lower", "at_least"), ("upper", "at_most"), ("point", "point")):
            said = getattr(bracket, end)
            assert (row[name], row[f"{name}_low"], row[f"{name}_high"]) == said[1:4]
        assert row["estimand"] == bracket.lower.estimand
        assert row["identified"] == bracket.identified
        assert (row["why_no_bracket"], row["why_no_point"]) == (bracket.lower.why_not, bracket.point.why_not)


def test_what_comes_later_makes_them_stale_and_a_report_mends_it(engine: sa.Engine, bench: str) -> None:
    changes = (
        "INSERT INTO farm.outcomes (execution_id, attempt, status, duration_ms, budget_ms, charged_micro_usd,"
        " cost_source) SELECT execution_id, 1, 'failed', 1, 1, 1, 'unknown' FROM farm.executions e"
        " WHERE NOT EXISTS (SELECT FROM farm.outcomes o WHERE o.execution_id = e.execution_id) LIMIT 1",
        "UPDATE farm.caps SET executions_limit = 100000 WHERE bench_id IS NOT NULL",
        "DELETE FROM farm.policies WHERE name = 'p-1'",
    )
    for change in changes:
        with engine.begin() as connection:
            assert connection.execute(sa.text(change)).rowcount >= 1, change
        assert not is_current(engine, bench), change
        assert Estimates(engine).due() == [bench]
        publish_where_due(engine, bench)
        assert is_current(engine, bench), change
    assert {row["policy"] for row in rows(engine, "policy_values", bench)} == {
        "heuristic_baseline",
        UNIFORM,
    }


def test_two_at_once_leave_one_whole_set(engine: sa.Engine, bench: str) -> None:
    views = ("arm_judgements", "winner_sets", "policy_values", "oracle_brackets")
    before = {view: sorted(map(str, rows(engine, view, bench))) for view in views}
    errors: list[BaseException] = []
    start = threading.Barrier(3)

    def go() -> None:
        try:
            start.wait()
            publish_estimates(engine, bench)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {view: sorted(map(str, rows(engine, view, bench))) for view in views} == before


def test_a_bench_without_sampling_designs_has_judgements_and_says_why_there_is_no_more(
    engine: sa.Engine, bench: str
) -> None:
    judged = len(rows(engine, "winner_sets", bench))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.cases SET design = NULL"))
    publish_estimates(engine, bench)
    (standing,) = rows(engine, "published_estimates", bench)
    assert "submit it again" in standing["why_not"]
    assert standing["is_current"]
    assert len(rows(engine, "winner_sets", bench)) == judged > 0
    assert rows(engine, "policy_values", bench) == rows(engine, "oracle_brackets", bench) == []


def test_a_bench_that_goes_on_publishes_nothing(engine: sa.Engine) -> None:
    bench, _ = write_known_bench(engine, 12, K=4)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE farm.cases SET state = 'pending' WHERE case_id = (SELECT max(case_id) FROM farm.cases)"
            )
        )
    publish_where_due(engine, bench)
    assert rows(engine, "winner_sets", bench) == []
    assert Estimates(engine).due() == []
    with pytest.raises(BenchError, match=r"1 cases of .* have no verdict; publish its estimates when"):
        publish_estimates(engine, bench)


@pytest.mark.parametrize("command", ["winners", "regret", "value", "report", "estimates publish"])
def test_every_report_of_a_decided_bench_publishes(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    bench, _ = write_known_bench(engine, 8, K=4)
    assert not is_current(engine, bench)
    assert main([*command.split(), bench]) == 0
    assert is_current(engine, bench)


def test_what_is_no_bench_has_no_estimates(engine: sa.Engine) -> None:
    with pytest.raises(DbError, match="there is no bench 'nope'"):
        publish_estimates(engine, "nope")
