"""History holds the most similar earlier runs, newest first, and nothing of the future."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.documents.planner_input import RunSummary
from planner.history.similar import SimilarQuery, jaccard, recency_bucket, similar_runs

NOW = 1_785_000_000_000
DAY = 86_400_000


def run(name: str, **values: Any) -> RunSummary:
    job_type = values.get("job_type", "code")
    return RunSummary.model_validate(
        {
            "schema_version": "run_summary.v1",
            "run_id": name,
            "started_ms": values.get("started_ms", NOW - 60 * DAY),
            "job_type": job_type,
            "domain": job_type.replace("-", "_"),
            "action_executed": {
                "swarm_id": "serial_handoff",
                "max_candidates": 1,
                "max_minutes": 30,
                "max_iterations": 2,
            },
            "outcome": {
                "status": "failed" if values.get("fail_codes") else "success",
                "fail_codes": list(values.get("fail_codes", ())),
                "gates": [{"name": name, "passed": False} for name in values.get("failed_gates", ())],
            },
            "runtime": {"duration_ms": 5},
            "tags": list(values.get("tags", ())),
            "issue_id": values.get("issue_id"),
        }
    )


def names(runs: list[RunSummary]) -> list[str]:
    return [each.run_id for each in runs]


def test_tags_weigh_more_than_failure_signals_and_those_more_than_recency() -> None:
    runs = [
        run("recent", started_ms=NOW - 1),
        run("signals", fail_codes=["E1"], failed_gates=["test"]),
        run("tags", tags=["parser"]),
    ]
    query = SimilarQuery("code", NOW, tags=["parser"], failure_signals=["E1", "gate:test"])
    assert names(similar_runs(runs, query, 1)) == ["tags"]
    assert set(names(similar_runs(runs, query, 2))) == {"tags", "signals"}


def test_keywords_count_less_than_tags_and_only_where_they_are_asked_for() -> None:
    runs = [
        run("tags", tags=["parser"], issue_id="1"),
        run("words", issue_id="2"),
        run("newer", issue_id="3", started_ms=NOW - 59 * DAY),
    ]
    words = {"2": ["token", "comment"], "3": ["colour"]}
    query = SimilarQuery("code", NOW, tags=["parser"], keywords=["token", "comment"])
    assert names(similar_runs(runs, query, 1, words)) == ["tags"]
    assert set(names(similar_runs(runs, query, 2, words))) == {"tags", "words"}
    silent = SimilarQuery("code", NOW, tags=["parser"])
    assert set(names(similar_runs(runs, silent, 2, words))) == {"tags", "newer"}


def test_the_chosen_are_handed_over_newest_first() -> None:
    runs = [
        run("old", started_ms=NOW - 40 * DAY, tags=["parser"]),
        run("new", started_ms=NOW - 40 * DAY + 1, tags=["x"]),
    ]
    assert names(similar_runs(runs, SimilarQuery("code", NOW, tags=["parser"]), 2)) == ["new", "old"]


def test_equal_scores_go_to_the_later_start_then_the_lower_id() -> None:
    runs = [run("b"), run("a"), run("late", started_ms=NOW - 50 * DAY)]
    assert names(similar_runs(runs, SimilarQuery("code", NOW), 2)) == ["late", "a"]


def test_runs_at_or_after_the_moment_are_never_seen() -> None:
    runs = [run("now", started_ms=NOW, tags=["p"]), run("later", started_ms=NOW + 1), run("before")]
    assert names(similar_runs(runs, SimilarQuery("code", NOW, tags=["p"]))) == ["before"]


def test_only_the_same_job_type_world_and_objective_compare() -> None:
    runs = [
        run("code"),
        run("fab", job_type="fab-world", tags=["world:w1", "objective:o1"]),
        run("other-world", job_type="fab-world", tags=["world:w2", "objective:o1"]),
        run("other-aim", job_type="fab-world", tags=["world:w1", "objective:o2"]),
    ]
    assert names(similar_runs(runs, SimilarQuery("fab-world", NOW, world="w1", objective="o1"))) == ["fab"]
    assert len(similar_runs(runs, SimilarQuery("fab-world", NOW))) == 3


def test_a_fresh_issue_takes_the_failure_signals_of_its_own_earlier_runs() -> None:
    runs = [
        run("own", issue_id="42", fail_codes=["E1"], started_ms=NOW - 90 * DAY),
        run("alike", issue_id="7", fail_codes=["E1"]),
        run("other", issue_id="8", fail_codes=["E2"], started_ms=NOW - 59 * DAY),
        run("own-future", issue_id="42", fail_codes=["E2"], started_ms=NOW + 1),
    ]
    assert set(names(similar_runs(runs, SimilarQuery("code", NOW, issue_id="42"), 2))) == {"own", "alike"}


@given(st.lists(st.tuples(st.integers(-5, 5), st.sets(st.sampled_from("abc"))), max_size=12), st.randoms())
def test_the_order_of_the_runs_does_not_matter(shape: list[tuple[int, set[str]]], lot: random.Random) -> None:
    runs = [
        run(f"r{number}", started_ms=NOW + days * DAY, tags=sorted(tags))
        for number, (days, tags) in enumerate(shape)
    ]
    query = SimilarQuery("code", NOW, tags=["a", "b"])
    chosen = similar_runs(runs, query, 4)
    assert similar_runs(lot.sample(runs, len(runs)), query, 4) == chosen
    assert len(chosen) == min(4, sum(each.started_ms < NOW for each in runs))
    assert [each.started_ms for each in chosen] == sorted((each.started_ms for each in chosen), reverse=True)


@pytest.mark.parametrize(
    ("age", "bucket"),
    [(1, 0), (DAY - 1, 0), (DAY, 1), (7 * DAY - 1, 1), (7 * DAY, 2), (30 * DAY - 1, 2), (30 * DAY, 3)],
)
def test_recency_has_four_buckets(age: int, bucket: int) -> None:
    assert recency_bucket(age) == bucket


def test_two_empty_sets_have_nothing_in_common() -> None:
    assert jaccard(frozenset(), frozenset()) == 0.0
    assert jaccard(frozenset("ab"), frozenset("bc")) == pytest.approx(1 / 3)
