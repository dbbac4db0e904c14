"""`bench value` on a stream: off-policy estimates from the logged propensities of its decisions."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.errors import BenchError
from bench.results.evidence import read_evidence
from bench.results.stream_evidence import GREEDY, LOGGING, PREDICTED, UNIFORM
from bench.statistics.table import MISSING
from bench.statistics.value import policy_values
from planner.actions import canonical_rank
from planner.host.config import read_planner_config
from planner.space.baseline import POLICY_ID, baseline_action
from tests.fixtures.known_benches import pass_chance, record_outcomes, write_known_bench
from tests.fixtures.known_streams import (
    close_stream,
    decide_issues,
    open_known_stream,
    stream_issues,
    write_known_stream,
)
from tests.fixtures.stand_in_models import PATIENT, SURE, HeadsModel, planner_with

Json = dict[str, Any]


@pytest.fixture
def shown(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """What `bench value` prints; with `code`, its exit code and errors."""
    del engine
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, code: int = 0) -> str:
        assert main(["value", *arguments]) == code
        captured = capsys.readouterr()
        return captured.out if code == 0 else captured.err

    return run


def test_policies_are_judged_by_first_attempts_with_an_interval(engine: sa.Engine, shown: Any) -> None:
    stream = write_known_stream(engine, 240)
    document = json.loads(shown(stream, "--json"))
    values = {policy["policy"]: policy for policy in document["policies"]}
    assert list(values) == [POLICY_ID, LOGGING, GREEDY, UNIFORM]
    assert document["issues"] == 240
    for name, policy in values.items():
        estimate = policy["recommended"]
        assert estimate["why_not"] is None, name
        assert estimate["low"] < _truth(engine, stream, name) < estimate["high"], name
    text = shown(stream)
    assert "first attempts of 240 issues in a stream" in text
    assert "later attempts are left out, because only a failure is tried again" in " ".join(text.split())


def _truth(engine: sa.Engine, stream: str, policy: str) -> float:
    evidence = read_evidence(engine, stream)
    issues = {issue.id: issue for issue in stream_issues(len(evidence.table.issues))}
    rows = evidence.policies[policy]
    return float(
        np.mean(
            [
                sum(row[cell] * pass_chance(issues[issue], int(cell)) for cell in np.flatnonzero(row))
                for issue, row in zip(evidence.table.issues, rows, strict=True)
            ]
        )
    )


def test_a_case_has_the_whole_draw_of_its_decision(engine: sa.Engine) -> None:
    stream = write_known_stream(engine, 40, epsilon=0.5, again=False)
    evidence = read_evidence(engine, stream)
    table = evidence.table
    np.testing.assert_allclose(table.chances.sum(axis=1), 1)
    assert table.randomised.all()
    assert len(table.arm_case) == len(table.cases) == 40
    for number, issue in enumerate(stream_issues(40)):
        heuristic = canonical_rank(baseline_action(issue.dk_risk, issue.dk_size, "code"))
        size = np.count_nonzero(table.chances[number])
        assert table.chances[number, heuristic] == pytest.approx(0.5 + 0.5 / size)
        assert evidence.policies[POLICY_ID][number, heuristic] == 1
    assert evidence.expected is None
    assert evidence.undecided == 0
    np.testing.assert_array_equal(evidence.policies[LOGGING], table.chances)


def test_an_open_stream_is_a_look_at_what_came_before_its_first_open_run(
    engine: sa.Engine, shown: Any
) -> None:
    stream, config = open_known_stream(engine, enabled=True, epsilon=0.6)
    issues = stream_issues(80)
    decide_issues(engine, stream, config, issues[:60])
    record_outcomes(engine, stream, {issue.id: issue for issue in issues}, 1, 0.0, pass_chance)
    decide_issues(engine, stream, config, issues[60:])
    evidence = read_evidence(engine, stream)
    assert (len(evidence.table.issues), evidence.undecided, evidence.expected) == (60, 20, 80)
    text = " ".join(shown(stream).split())
    assert "20 cases have no verdict" in text
    assert "the stream is open: the intervals hold however often one looks" in text


def test_a_run_that_a_cap_stopped_is_missing_and_one_that_its_check_stopped_is_no_attempt(
    engine: sa.Engine,
) -> None:
    stream, config = open_known_stream(engine, enabled=True, epsilon=0.6)
    issues = stream_issues(12)
    decide_issues(engine, stream, config, issues)
    reject = sa.text("""
        SELECT farm.reject_case(case_id, :state, 'a reason') FROM farm.cases WHERE issue_id = :issue""")
    with engine.begin() as connection:
        for state, issue in zip(("skipped", "cancelled", "invalid"), issues[:3], strict=True):
            connection.execute(reject, {"state": state, "issue": issue.id})
    record_outcomes(engine, stream, {issue.id: issue for issue in issues}, 1, 0.0, pass_chance)
    table = read_evidence(engine, stream).table
    assert table.issues == tuple(issue.id for issue in issues if issue is not issues[2])
    reasons = [MISSING[number] for number in table.missing[:2]]
    assert reasons == ["not_run", "cancelled"]


def test_a_reduced_run_counts_as_the_action_drawn(engine: sa.Engine) -> None:
    stream, config = open_known_stream(engine, enabled=True, epsilon=0.6)
    issues = stream_issues(40)
    decide_issues(engine, stream, config, issues, free=1)
    record_outcomes(engine, stream, {issue.id: issue for issue in issues}, 1, 0.0, pass_chance)
    close_stream(engine, stream)
    evidence = read_evidence(engine, stream)
    assert len(evidence.table.issues) == 40
    assert any("ran with fewer candidates or minutes than drawn" in note for note in evidence.notes)


def test_a_planner_in_shadow_mode_is_judged_by_what_it_would_have_decided(engine: sa.Engine) -> None:
    stream, config = open_known_stream(engine, enabled=True, epsilon=0.6)
    block = {"model": {"path": "bundle"}, "flags": {"shadow_mode": True}}
    shadow = planner_with(HeadsModel(SURE), replace(read_planner_config(block), inference=PATIENT))
    decide_issues(engine, stream, config, stream_issues(6), inference=shadow)
    record_outcomes(engine, stream, {issue.id: issue for issue in stream_issues(6)}, 1, 0.0, pass_chance)
    policies = read_evidence(engine, stream).policies
    assert (policies[PREDICTED].sum(axis=1) == 1).all()
    assert not np.array_equal(policies[PREDICTED], policies[GREEDY])
    np.testing.assert_array_equal(policies[GREEDY], policies[POLICY_ID])


@pytest.mark.parametrize(
    ("exploration", "priority", "remedy"),
    [
        ({"enabled": False}, "P3", "set stream.exploration.enabled: true in the config for the next stream"),
        ({"enabled": True, "epsilon": 0}, "P3", "set stream.exploration.epsilon above 0, such as 0.1"),
        (
            {"enabled": True, "epsilon": 0.5},
            "P1",
            "none of its 6 issues is of priorities P3 or tags lab:planner_explore; add to "
            "stream.exploration.priorities or .tags",
        ),
    ],
)
def test_a_stream_that_draws_nothing_is_refused_in_one_line_with_the_key_to_set(
    engine: sa.Engine, shown: Any, exploration: Json, priority: str, remedy: str
) -> None:
    stream, config = open_known_stream(engine, **exploration)
    issues = stream_issues(6, dk_priority=priority)
    decide_issues(engine, stream, config, issues)
    record_outcomes(engine, stream, {issue.id: issue for issue in issues}, 1, 0.0, pass_chance)
    close_stream(engine, stream)
    error = shown(stream, code=2).strip()
    assert "drew no action at random" in error
    assert remedy in error
    assert len(error.splitlines()) == 1


def test_a_policy_outside_the_safe_set_is_refused_with_the_share(engine: sa.Engine) -> None:
    evidence = read_evidence(engine, write_known_stream(engine, 60, again=False))
    outside = np.zeros_like(evidence.table.chances)
    rows = np.arange(len(outside))
    dearest = np.array([np.flatnonzero(chances == 0)[-1] for chances in evidence.table.chances])
    outside[rows, np.where(rows % 4, evidence.policies[GREEDY].argmax(axis=1), dearest)] = 1
    (value,) = policy_values(
        evidence.table, {"outside": outside}, evidence.features, seed=1, group_by="issue"
    )
    assert "25.0% of the policy's choices could never be drawn" in str(value.recommended.why_not)


def test_a_changed_propensity_is_refused(engine: sa.Engine) -> None:
    stream = write_known_stream(engine, 8, again=False)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.arms SET propensity = 0.987"))
    with pytest.raises(BenchError, match=r"has the propensity 0\.987, and its draw had"):
        read_evidence(engine, stream)


def test_streams_are_pooled_with_streams_alone(engine: sa.Engine, shown: Any) -> None:
    first = write_known_stream(engine, 40, again=False)
    second = write_known_stream(engine, 40, again=False, epsilon=0.7, epoch_seed="2")
    document = json.loads(shown(first, second, "--json"))
    assert document["issues"] == 40
    assert any(note.startswith(f"{second}: ") and "earlier stream" in note for note in document["notes"])
    bench, _ = write_known_bench(engine, 12)
    assert "benches and streams judge different issues" in shown(first, bench, code=2)


def test_a_draw_that_an_earlier_stream_made_is_not_used_again(engine: sa.Engine) -> None:
    write_known_stream(engine, 12, again=False)
    second = write_known_stream(engine, 12, again=False, epsilon=0.7)
    with pytest.raises(BenchError, match=r"were known: change stream\.exploration\.epoch_seed"):
        read_evidence(engine, second)


def test_sql_has_the_same_propensities(engine: sa.Engine) -> None:
    stream = write_known_stream(engine, 40)
    table = read_evidence(engine, stream).table
    statement = sa.text("""
        SELECT issue_id, canonical_rank, propensity, safe_set_size, run_no, is_first, is_explored
        FROM report.stream_decisions WHERE bench_id = :stream AND is_drawn ORDER BY issue_id, run_no""")
    with engine.connect() as connection:
        rows = connection.execute(statement, {"stream": stream}).all()
    first = [row for row in rows if row.is_first]
    assert [row.issue_id for row in first] == list(table.issues)
    assert [row.canonical_rank for row in first] == table.arm_cell.tolist()
    assert [row.propensity for row in first] == table.propensity.tolist()
    assert [row.safe_set_size for row in first] == np.count_nonzero(table.chances, axis=1).tolist()
    assert {row.run_no for row in rows if not row.is_first} == {1}
    assert any(row.is_explored for row in first)
