"""The index finds what the plain search finds, whatever is asked, and fast enough to ask for every example."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.documents.planner_input import RunSummary
from planner.errors import PlannerError
from planner.history.run_index import RunIndex
from planner.history.similar import SimilarQuery, similar_runs

NOW = 1_785_000_000_000
DAY = 86_400_000
TAGS = ["a", "b", "c", "world:w1", "world:w2", "objective:o1"]
SIGNALS = ["E1", "E2", "gate:test"]


def run(name: str, started_ms: int = NOW - DAY, **values: Any) -> RunSummary:
    gates = [{"name": gate, "passed": passed} for gate, passed in values.get("gates", ())]
    return RunSummary.model_validate(
        {
            "schema_version": "run_summary.v1",
            "run_id": name,
            "started_ms": started_ms,
            "job_type": values.get("job_type", "code"),
            "domain": "code",
            "action_executed": dict.fromkeys(
                ("swarm_id", "max_candidates", "max_minutes", "max_iterations"), None
            ),
            "outcome": {"status": "failed", "fail_codes": values.get("fail_codes", []), "gates": gates},
            "runtime": {"duration_ms": 5},
            **{key: values[key] for key in ("tags", "issue_id", "cost_usd_est") if key in values},
        }
    )


runs_of_few_kinds = st.builds(
    run,
    st.sampled_from(["r1", "r2", "r3", "r4"]),
    st.sampled_from([NOW + days * DAY + ms for days in (-31, -30, -7, -1, 0) for ms in (-1, 0, 1)]),
    job_type=st.sampled_from(["code", "code", "fab-world"]),
    fail_codes=st.lists(st.sampled_from(["E1", "E2", "E2"]), max_size=2),
    gates=st.lists(st.tuples(st.sampled_from(["test", "lint"]), st.booleans()), max_size=2),
    tags=st.none() | st.lists(st.sampled_from(TAGS), max_size=4),
    issue_id=st.sampled_from([None, "i1", "i2"]),
)
queries = st.builds(
    SimilarQuery,
    job_type=st.sampled_from(["code", "code", "fab-world", "fab-asset"]),
    before_ms=st.sampled_from([NOW, NOW + 1, NOW - DAY, NOW - 30 * DAY, 0, 10**30]),
    tags=st.lists(st.sampled_from([*TAGS, "unheard of"]), max_size=4),
    issue_id=st.sampled_from([None, "i1", "i3"]),
    failure_signals=st.none() | st.lists(st.sampled_from([*SIGNALS, "unheard of"]), max_size=3),
    world=st.sampled_from([None, None, "w1", "w3"]),
    objective=st.sampled_from([None, None, "o1"]),
    keywords=st.lists(st.sampled_from(["token", "comment", "colour", "unheard of"]), max_size=3),
)
KEYWORDS = {"i1": ["token", "comment"], "i2": ["colour"]}


@settings(max_examples=300)
@given(st.lists(runs_of_few_kinds, max_size=30), queries, st.integers(-1, 12))
def test_the_index_equals_the_plain_search_also_where_runs_tie(
    runs: list[RunSummary], query: SimilarQuery, n: int
) -> None:
    index = RunIndex()
    for each in runs:
        index.add(each, KEYWORDS.get(each.issue_id or "", ()))
    assert index.query(query, n) == similar_runs(runs, query, n, KEYWORDS)


def many_runs(lot: random.Random, count: int, spread: int) -> list[RunSummary]:
    """Runs of issues whose tags are mostly the same few; `spread` days in whole hours, so that starts tie."""
    vocabulary = [f"tag:{rank}" for rank in range(60)]
    chances = [1 / (rank + 1) for rank in range(60)]
    issues = [sorted(set(lot.choices(vocabulary, chances, k=lot.randint(0, 5)))) for _ in range(count // 6)]
    generated = []
    for _ in range(count):
        issue = lot.randrange(len(issues))
        codes = lot.choices(["E1", "E2", "E3", "E4"], [8, 4, 2, 1], k=lot.randint(0, 3))
        generated.append(
            run(
                f"r{lot.randrange(10 * count)}",
                NOW - lot.randrange(spread * 24) * DAY // 24,
                fail_codes=codes,
                gates=[("test", lot.random() < 0.7)],
                tags=[*issues[issue], f"world:w{issue % 3}"],
                issue_id=f"i{issue}",
            )
        )
    return generated


@pytest.mark.parametrize("spread", [1, 100])
def test_the_index_equals_the_plain_search_among_thousands_while_runs_are_added(spread: int) -> None:
    lot = random.Random(spread)
    runs = many_runs(lot, 3000, spread)
    index, added = RunIndex(), 0
    for known in (5, 127, 128, 1500, 3000):
        index.add_many(runs[added:known])
        added = known
        for _ in range(15):
            seen = lot.choice(runs)
            query = SimilarQuery(
                "code",
                NOW - lot.randrange(spread) * DAY,
                tags=lot.choice([seen.tags or [], [], ["tag:0"], ["tag:55", "new"]]),
                issue_id=lot.choice([None, seen.issue_id]),
                failure_signals=lot.choice([None, None, [], ["E1", "gate:test"]]),
                world=lot.choice([None, None, "w1"]),
            )
            n = lot.choice([1, 8, 8, 100])
            assert index.query(query, n) == similar_runs(runs[:known], query, n)


@pytest.mark.parametrize(("days", "size"), [(1, 13), (7, 40), (30, 80)])
def test_a_run_of_exactly_so_many_days_counts_as_older(days: int, size: int) -> None:
    # A faint likeness weighs more than an hour, and less than the step from one age to the next.
    index = RunIndex()
    index.add(run("newer", NOW - days * DAY))
    index.add(run("alike", NOW - days * DAY - 1, tags=[f"t{number}" for number in range(size)]))
    query = SimilarQuery("code", NOW, tags=["t0"])
    assert [each.run_id for each in index.query(query, 1)] == ["alike"]
    earlier = SimilarQuery("code", NOW - 1, tags=["t0"])
    assert [each.run_id for each in index.query(earlier, 1)] == ["newer"]


def test_runs_of_one_name_and_start_keep_the_order_they_were_added_in() -> None:
    twins = [run("twin", tags=[tag]) for tag in "bcabdc"]
    index = RunIndex()
    index.add_many(twins)
    assert index.query(SimilarQuery("code", NOW), 3) == twins[:3]


def test_more_can_be_asked_for_than_come_near_the_best() -> None:
    # Sixty-four are perfect, the next newest hardly alike, and the oldest somewhat.
    kinds = [["a"]] * 64 + [["a", *"bcdefghij"]] * 136 + [["a", "b"]] * 100
    runs = [run(f"r{number}", NOW - DAY - number, tags=tags) for number, tags in enumerate(kinds)]
    index = RunIndex()
    index.add_many(runs)
    query = SimilarQuery("code", NOW, tags=["a"])
    assert index.query(query, 100) == similar_runs(runs, query, 100)


def test_a_run_comes_back_as_it_was_given() -> None:
    given_run = run("r", tags=[], cost_usd_est=0.5, gates=[("test", True)])
    index = RunIndex()
    index.add(given_run)
    assert index.query(SimilarQuery("code", NOW))[0].document() == given_run.document()


def test_nothing_is_found_where_nothing_is_known() -> None:
    assert RunIndex().query(SimilarQuery("code", NOW)) == []


def test_a_start_that_no_clock_shows_is_refused_and_leaves_the_index_whole() -> None:
    index = RunIndex()
    index.add(run("good"))
    with pytest.raises(PlannerError, match="run 'bad': started_ms 1000000000000000000000 is out of range"):
        index.add(run("bad", 10**21))
    assert [each.run_id for each in index.query(SimilarQuery("code", NOW))] == ["good"]
