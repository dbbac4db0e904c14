"""The SQL views say what the pure functions say, row by row, on random benches."""

import math
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from bench.experiment.decide import action_of, outcomes_of
from bench.experiment.estimates import estimate_arm
from bench.experiment.regret import PolicyRegret
from bench.results.read import BenchResults, read_results
from planner.actions import Action, canonical_rank
from tests.fixtures.random_benches import score_at_random, write_benches

BINS = ("swarm_id", "max_candidates_bin", "max_minutes_bin", "max_iterations_bin")


def rows(engine: sa.Engine, view: str, bench: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(sa.text(f"SELECT * FROM report.{view} WHERE bench_id = :b"), {"b": bench})
        return [dict(row) for row in found.mappings()]


def words(action: Action | None) -> tuple[str | None, ...]:
    return (None,) * 4 if action is None else tuple(str(part) for part in action)


def close(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


@pytest.fixture(params=range(3))
def results(engine: sa.Engine, request: pytest.FixtureRequest) -> list[BenchResults]:
    """What the pure functions say of benches written from one seed."""
    lot = random.Random(request.param)
    benches = write_benches(engine, lot, 25)
    score_at_random(engine, lot, benches[:20], "p-1")
    score_at_random(engine, lot, benches[10:20], "p-2")
    return [read_results(engine, bench) for bench in benches]


def test_every_view_equals_the_pure_functions(engine: sa.Engine, results: list[BenchResults]) -> None:
    for result in results:
        check_estimates(engine, result)
        check_winners(engine, result)
        check_win_shares(engine, result)
        check_regrets(engine, result)
        check_policy_actions(engine, result)
        check_rates(engine, result)
    assert {len(result.policies) for result in results} == {0, 1, 2}
    observed = [one.observed for result in results for p in result.policies for one in result.regrets[p.name]]
    assert {*observed} == {True, False}
    covered = [case.verdict for result in results for case in result.decided]
    assert any(verdict.winner is None for verdict in covered)
    assert any(verdict.tie_size > 1 for verdict in covered)
    assert any(not case.observed for result in results for case in result.decided)


def check_estimates(engine: sa.Engine, result: BenchResults) -> None:
    bench = result.bench.bench_id
    standings = {(r["case_id"], r["canonical_rank"]): r for r in rows(engine, "arm_standings", bench)}
    estimates = {(r["case_id"], r["canonical_rank"]): r for r in rows(engine, "arm_estimates", bench)}
    for case in result.decided:
        for arm in outcomes_of(case.rows):
            expected = estimate_arm(arm)
            key = (case.case_id, canonical_rank(arm.action))
            for found in (estimates[key], standings.pop(key)):
                assert tuple(found[name] for name in BINS) == words(arm.action)
                further = ("observed", "passes", "pass_millionths", "cost_per_pass_micro_usd")
                for name in (*expected._fields[1:], *further):
                    assert found[name] == getattr(expected, name), (key, name)
    assert not standings


def check_winners(engine: sa.Engine, result: BenchResults) -> None:
    found = {row["case_id"]: row for row in rows(engine, "winners", result.bench.bench_id)}
    with engine.connect() as connection:
        kept = {row.case_id: row for row in connection.execute(sa.text("SELECT * FROM farm.verdicts"))}
    assert len(found) == len(result.decided)
    for case in result.decided:
        row = found[case.case_id]
        verdict = case.verdict
        assert tuple(row[name] for name in BINS) == words(verdict.winner)
        assert (row["winner_value"], row["tie_size"]) == (verdict.winner_value, verdict.tie_size)
        assert row["arms_observed"] == verdict.candidates_evaluated
        assert row["arms_passing"] == verdict.candidates_passed_constraints
        stored = kept[case.case_id]
        assert (stored.winner_arm_id, stored.winner_value, stored.tie_size) == (
            *(row["winner_arm_id"], row["winner_value"], row["tie_size"]),
        )


def check_win_shares(engine: sa.Engine, result: BenchResults) -> None:
    won: Counter[tuple[str, str | None]] = Counter()
    tried: Counter[tuple[str, str | None]] = Counter()
    won_weight, weight = dict[tuple[str, str | None], float](), dict[tuple[str, str | None], float]()
    weights = arm_weights(engine, result.bench.bench_id)
    for case in result.decided:
        by_action = {action_of(arm): weights[arm.arm_id].share for arm in case.rows.arms}
        for estimate in case.verdict.estimates:
            for key in zip(BINS, words(estimate.action), strict=True):
                if estimate.observed:
                    tried[key] += 1
                    weight[key] = weight.get(key, 0) + by_action[estimate.action]
                if estimate.action == case.verdict.winner:
                    won[key] += 1
                    won_weight[key] = won_weight.get(key, 0) + by_action[estimate.action]
    for row in rows(engine, "win_share_by_bin", result.bench.bench_id):
        key = (row["dimension"], row["bin"])
        assert row["cases_won"] == won[key]
        assert row["arms_observed"] == tried.pop(key, 0)
        of_all = {
            name: sum(w for k, w in held.items() if k[0] == key[0])
            for name, held in (("won", won_weight), ("all", weight))
        }
        assert close(row["win_share"], won_weight.get(key, 0) / of_all["won"] if of_all["won"] else None)
        assert close(row["arm_share"], weight.get(key, 0) / of_all["all"] if of_all["all"] else None)
        assert close(row["win_rate"], won_weight.get(key, 0) / weight[key] if key in weight else None)
    assert not tried


class Weights(NamedTuple):
    """What an arm counts in rates of its action, and of many actions."""

    own: float
    share: float


def arm_weights(engine: sa.Engine, bench: str) -> dict[int, Weights]:
    """1/π and 1/(π · actions that could be drawn) of each arm; 1 where the arms of the bench were not drawn by lot."""
    with engine.connect() as connection:
        arms = connection.execute(
            sa.text("""
                SELECT a.arm_id, a.propensity, c.design FROM farm.arms a JOIN farm.cases c USING (case_id)
                WHERE c.bench_id = :bench AND EXISTS (SELECT FROM farm.executions e WHERE e.arm_id = a.arm_id)"""),
            {"bench": bench},
        ).all()
    drawn = all(arm.design and arm.design["kind"] != "deterministic" and arm.propensity > 0 for arm in arms)
    if not drawn:
        return {arm.arm_id: Weights(1.0, 1.0) for arm in arms}
    weights = {}
    for arm in arms:
        actions = sum(len(cells) for chance, cells in arm.design["propensities"] if chance > 0)
        weights[arm.arm_id] = Weights(1 / arm.propensity, 1 / (arm.propensity * actions))
    return weights


def check_regrets(engine: sa.Engine, result: BenchResults) -> None:
    bench = result.bench.bench_id
    observed = [case.case_id for case in result.decided if case.observed]
    found = {(row["policy"], row["case_id"]): row for row in rows(engine, "regret_by_case", bench)}
    assert len(found) == (3 + len(result.policies)) * len(observed)
    for policy, regrets in result.regrets.items():
        for case_id, expected in zip(observed, regrets, strict=True):
            assert same_regret(found[policy, case_id], expected), (policy, case_id, expected)
    summaries = {row["policy"]: row for row in rows(engine, "regret_by_policy", bench)}
    assert len(summaries) == (3 + len(result.policies) if observed else 0)
    for expected_summary in result.summaries if observed else ():
        row = summaries[expected_summary.policy]
        assert (row["estimand"], row["identified"]) == ("pass_own_budget", result.identified)
        for name in expected_summary._fields[1:]:
            assert close(row[name], getattr(expected_summary, name)), (expected_summary, name)


def same_regret(row: dict[str, Any], expected: PolicyRegret) -> bool:
    missed = expected.missed_pass if expected.observed else None
    return (
        row["observed"] == expected.observed
        and close(row["missed_pass"], missed)
        and close(row["duration_regret"], expected.duration_regret)
        and close(row["cost_regret"], expected.cost_regret)
        and row["charged_micro_usd"] == expected.charged_micro_usd
    )


def check_policy_actions(engine: sa.Engine, result: BenchResults) -> None:
    found = rows(engine, "policy_actions", result.bench.bench_id)
    arms = {(case.case_id, action_of(arm)): arm.arm_id for case in result.decided for arm in case.rows.arms}
    decided = {case.case_id for case in result.decided}
    assert len(found) == sum(len(policy.actions) for policy in result.policies)
    actions = {policy.name: policy.actions for policy in result.policies}
    for row in found:
        action = actions[row["policy"]][row["case_id"]]
        assert tuple(row[name] for name in BINS) == words(action)
        assert row["canonical_rank"] == canonical_rank(action)
        if row["case_id"] in decided:
            assert row["arm_id"] == arms.get((row["case_id"], action))
            assert row["is_tried"] == (row["arm_id"] is not None)


def check_rates(engine: sa.Engine, result: BenchResults) -> None:
    bench = result.bench.bench_id
    skip = result.bench.config["execution_limits"]["timeout_behavior"] == "skip"
    outcomes = rows(engine, "arm_outcomes", bench)
    weights = arm_weights(engine, bench)
    own, share = ({arm: each[which] for arm, each in weights.items()} for which in (0, 1))
    for view, keys, weight in (
        ("pass_rate_by_action", BINS, own),
        ("pass_rate_by_slice", ("slice",), share),
        ("pass_rate_by_risk", ("dk_risk",), share),
        ("pass_rate_by_size", ("dk_size",), share),
    ):
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for outcome in outcomes:
            groups.setdefault(tuple(outcome[key] for key in keys), []).append(outcome)
        for row in rows(engine, view, bench):
            check_rate(row, groups.pop(tuple(row[key] for key in keys)), skip, weight)
        assert not any(one["status"] for group in groups.values() for one in group)


def check_rate(
    row: dict[str, Any], every: list[dict[str, Any]], skip: bool, weight: Mapping[int, float]
) -> None:
    group = [one for one in every if one["status"] is not None]
    spent = sum(one["spent_micro_usd"] for one in every)
    missing = {"error", "timeout"} if skip else {"error"}
    scored = [one for one in group if one["status"] not in missing]
    passed = [one for one in group if one["status"] == "success"]
    charged = sum(one["charged_micro_usd"] for one in group)
    assert row["estimand"] == "pass_own_budget"
    assert (row["executions"], row["scored"], row["passed"]) == (len(group), len(scored), len(passed))
    assert row["errors"] == sum(one["status"] == "error" for one in group)
    assert row["timeouts"] == sum(one["status"] == "timeout" for one in group)
    assert row["unknown_costs"] == sum(one["micro_usd"] is None for one in group)
    assert row["charged_micro_usd"] == charged
    assert row["spent_micro_usd"] == spent >= charged
    check_weighted(row, every, scored, passed, weight)


def check_weighted(
    row: dict[str, Any],
    every: list[dict[str, Any]],
    scored: list[dict[str, Any]],
    passed: list[dict[str, Any]],
    weight: Mapping[int, float],
) -> None:
    def total(runs: list[dict[str, Any]], name: str | None = None) -> float:
        return math.fsum(weight[run["arm_id"]] * (1 if name is None else run[name]) for run in runs)

    shares: dict[int, list[bool]] = {}
    for run in scored:
        shares.setdefault(run["arm_id"], []).append(run["status"] == "success")
    mass = math.fsum(weight[arm] for arm in shares)
    passes = math.fsum(weight[arm] * sum(held) / len(held) for arm, held in shares.items())
    assert row["issues"] == len({run["issue_id"] for run in scored})
    group = [run for run in every if run["status"] is not None]
    if 1 - total(scored) / total(group) > 0.02:
        assert row["why_not"] == "more than 2 % missing: see report.action_rates"
    else:
        assert row["why_not"] == ("fewer than 10 issues" if row["issues"] < 10 else None)
    assert close(row["pass_rate"], passes / mass if row["why_not"] is None else None)
    assert (row["pass_rate_se"] is None) == (row["why_not"] is not None)
    assert close(row["error_share"], total([run for run in group if run["status"] == "error"]) / total(group))
    for name, runs, column in (
        ("mean_time_to_pass_ms", passed, "duration_ms"),
        ("mean_provider_wait_ms", passed, "provider_wait_ms"),
        ("cost_per_pass_micro_usd", every, "spent_micro_usd"),
    ):
        expected = total(runs, column) / total(passed) if passed else None
        # Rounded half up, of a sum in another order.
        assert row[name] is expected or abs(row[name] - expected) <= 0.5 + 1e-6


def test_arm_outcomes_carry_the_action_and_the_dollars(
    engine: sa.Engine, results: list[BenchResults]
) -> None:
    for result in results:
        by_id = {row["execution_id"]: row for row in rows(engine, "arm_outcomes", result.bench.bench_id)}
        assert len(by_id) == sum(result_arm_executions(engine, result))
        for case in result.decided:
            for arm in case.rows.arms:
                for execution in arm.executions:
                    row = by_id[execution.execution_id]
                    assert tuple(row[name] for name in BINS) == words(action_of(arm))
                    assert row["status"] == execution.status
                    assert row["provider_wait_ms"] == execution.provider_wait_ms
                    assert row["propensity"] == arm.propensity
                    cost = execution.micro_usd
                    assert row["usd"] is None if cost is None else float(row["usd"]) == cost / 1e6


def result_arm_executions(engine: sa.Engine, result: BenchResults) -> list[int]:
    statement = sa.text(
        "SELECT replicates FROM farm.arms JOIN farm.cases USING (case_id) WHERE bench_id = :b"
    )
    with engine.connect() as connection:
        return list(connection.scalars(statement, {"b": result.bench.bench_id}))


def test_coverage_counts_arms_by_shape_and_action(engine: sa.Engine, results: list[BenchResults]) -> None:
    shape = ("job_type", "dk_risk", "dk_size", "dk_priority")
    for result in results:
        bench = result.bench.bench_id
        expected: Counter[tuple[Any, ...]] = Counter()
        seen: Counter[tuple[Any, ...]] = Counter()
        for row in rows(engine, "arm_estimates", bench):
            key = tuple(row[name] for name in (*shape, *BINS))
            expected[key] += 1
            seen[key] += row["observed"]
        found = rows(engine, "coverage", bench)
        assert {tuple(row[n] for n in (*shape, *BINS)): row["arms"] for row in found} == expected
        assert Counter({tuple(r[n] for n in (*shape, *BINS)): r["arms_observed"] for r in found}) == seen
