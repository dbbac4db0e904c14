"""Archives become examples: labelled with what ran, asked as the policy was asked, one a decision."""

import shutil
from typing import Any

import pytest

from planner.actions import Action
from planner.dataset.archives import read_archive
from planner.dataset.arrays import label_of
from planner.dataset.epochs import UNKNOWN_EPOCH, epoch_of
from planner.dataset.read import read_dataset
from planner.dataset.runs import run_of, summary
from planner.documents.planner_input import input_hash
from planner.errors import PlannerError
from planner.history.similar import SimilarQuery, similar_runs
from tests.fixtures.archive_files import (
    HOUR_MS,
    archive,
    executed_plan,
    legacy_archive,
    recorded_input,
    write_archive,
    write_archives,
)
from tests.fixtures.dataset_builder import DatasetBuilder
from tests.fixtures.planner_examples import NOW_MS, planner_input

Json = dict[str, Any]


def ids(*numbers: int) -> list[str]:
    return [f"x{number}-a1-c0-0badcafe" for number in numbers]


def test_what_the_policy_saw_is_kept_as_it_was_recorded(builder: DatasetBuilder) -> None:
    write_archives(builder.archives, 3)
    for number, name in enumerate(ids(0, 1, 2)):
        example = builder.examples()[name]
        asked = recorded_input(number, f"depot-{number}", NOW_MS + number * HOUR_MS)
        assert example["planner_input"] == asked
        assert example["input_hash"] == example["label_action"]["input_hash"] == input_hash(asked)
        assert example["started_ms"] == NOW_MS + number * HOUR_MS
        assert example["source"] == "executed"
        assert example["repo"] == "https://example.org/depot.git"


@pytest.mark.parametrize(
    ("plan", "label"),
    [
        ({}, Action("serial_handoff", 1, 30, "NA")),
        ({"timeout_seconds_executed": None}, Action("serial_handoff", 1, "NA", "NA")),
        ({"timeout_seconds_executed": 37 * 60}, Action("serial_handoff", 1, 30, "NA")),
        ({"timeout_seconds_executed": 37.5 * 60}, Action("serial_handoff", 1, 30, "NA")),
        ({"timeout_seconds_executed": 38 * 60}, Action("serial_handoff", 1, 45, "NA")),
        (
            {
                "swarm_id_executed": "speculate_vote",
                "max_candidates_executed": 5,
                "timeout_seconds_executed": 1e6,
            },
            Action("speculate_vote", 3, 120, "NA"),
        ),
    ],
)
def test_the_label_is_the_executed_plan_in_the_nearest_bins(
    builder: DatasetBuilder, plan: Json, label: Action
) -> None:
    write_archive(builder.archives, archive(0, plan=plan))
    (example,) = builder.examples().values()
    assert label_of(example) == label


def decision(swarm_id: str, candidates: Any, minutes: Any) -> Json:
    """A decision as a kernel writes it, without `created_at`."""
    bins = {"max_candidates_bin": candidates, "max_minutes_bin": minutes, "max_iterations_bin": "NA"}
    return {
        "schema_version": "cyntra.planner_action.v1",
        "swarm_id": swarm_id,
        "budgets": bins,
        "reason": None,
    }


def test_decisions_are_counted_under_either_name(builder: DatasetBuilder) -> None:
    serial = {"max_iterations_executed": None}
    names: list[dict[str, Any]] = [
        {"planner_action": decision("serial_handoff", 1, 30)},
        {"planned_action": decision("serial_handoff", 1, 30)},
        {"planned_action": decision("serial_handoff", 1, "NA")},
        {"planned_action": decision("speculate_vote", 2, 30)},
        {
            "planner_action": decision("speculate_vote", 2, 30),
            "planned_action": decision("serial_handoff", 1, 30),
        },
        {"planned_action": decision("serial_handoff", 7, 30)},
        {"planned_action": {"swarm_id": ["x"]}},
        {},
    ]
    for number, planned in enumerate(names):
        write_archive(builder.archives, archive(number, plan=serial, planned=planned))
    report = builder.build()
    assert (report.meta and report.meta.example_count, report.skipped) == (len(names), [])
    assert report.planned == {True: 3, False: 2}


def test_rounds_are_a_label_where_the_job_type_has_them(builder: DatasetBuilder) -> None:
    asked = planner_input(created_ms=NOW_MS - 1, job_type="fab-world")
    write_archive(builder.archives, archive(0, planner_input=asked, plan={"max_iterations_executed": 4}))
    (example,) = builder.examples().values()
    assert label_of(example).max_iterations_bin == 3


def test_its_own_outcome_is_the_one_candidate_where_the_propensity_is_known(builder: DatasetBuilder) -> None:
    write_archive(builder.archives, archive(0, status="timeout"))
    unknown = archive(1)
    unknown["rollout"]["planner"]["policy_trace"]["propensity_executed"] = None
    write_archive(builder.archives, unknown)
    first, second = (builder.examples()[name] for name in ids(0, 1))
    assert first["candidates"] == [
        {
            "action": ["serial_handoff", 1, 30, "NA"],
            "outcome": {
                "status": "timeout",
                "duration_ms": 600_000,
                "cost_usd": 0.25,
                "all_gates_passed": False,
                "fail_codes": ["test.assertion"],
            },
            "is_winner": False,
            "propensity": 0.5,
            "replicate": 0,
        }
    ]
    assert "candidates" not in second


def test_a_wait_for_a_provider_is_kept_and_is_not_the_candidates_own(builder: DatasetBuilder) -> None:
    plan = {"swarm_id_executed": "speculate_vote", "max_candidates_executed": 2}
    bench = {"bench_id": "b-1", "execution_id": 7, "attempt": 1}
    for index, (minutes, wait_minutes) in enumerate([(10, 0), (12, 5)]):
        name = f"x7-a1-c{index}-0badcafe"
        files = archive(0, plan=plan, bench=bench, minutes=minutes, workcell_id=name)
        files["rollout"]["scores"]["provider_wait_ms"] = wait_minutes * 60_000
        write_archive(builder.archives, files)
    examples = builder.examples()
    # It worked 7 minutes, the other one 10.
    assert list(examples) == ["x7-a1-c1-0badcafe"]
    (outcome,) = (each["outcome"] for each in examples["x7-a1-c1-0badcafe"]["candidates"])
    assert (outcome["duration_ms"], outcome["provider_wait_ms"]) == (12 * 60_000, 5 * 60_000)


def test_candidates_of_one_execution_are_one_run_and_the_best_speaks(builder: DatasetBuilder) -> None:
    plan = {"swarm_id_executed": "speculate_vote", "max_candidates_executed": 3}
    bench = {"bench_id": "b-1", "execution_id": 7, "attempt": 1}
    for index, (status, minutes) in enumerate([("failed", 5), ("success", 20), ("success", 10)]):
        files = archive(
            0, plan=plan, bench=bench, status=status, minutes=minutes, workcell_id=f"x7-a1-c{index}-0badcafe"
        )
        files["proof"]["patch"]["diff_lines"] = 10 - index
        write_archive(builder.archives, files)
    other = archive(1, bench={**bench, "execution_id": 8}, workcell_id="x8-a1-c0-feedbeef")
    write_archive(builder.archives, other)
    examples = builder.examples()
    assert list(examples) == ["x7-a1-c2-0badcafe", "x8-a1-c0-feedbeef"]
    (outcome,) = (each["outcome"] for each in examples["x7-a1-c2-0badcafe"]["candidates"])
    assert outcome["status"] == "success"
    assert outcome["duration_ms"] == 20 * 60_000
    assert outcome["cost_usd"] == 0.75


@pytest.mark.parametrize("names", [("w-1", "w-2", "w-3", "w-4"), ("w-4", "w-3", "w-2", "w-1")])
def test_of_an_execution_that_was_tried_again_the_newest_attempt_counts(
    builder: DatasetBuilder, names: tuple[str, ...]
) -> None:
    tries = [(1, "success"), (1, "success"), (2, "failed"), (2, "failed")]
    for name, (attempt, status) in zip(names, tries, strict=True):
        bench = {"bench_id": "s-1", "execution_id": 7, "attempt": attempt}
        write_archive(builder.archives, archive(0, bench=bench, status=status, workcell_id=name))
    (example,) = builder.examples().values()
    assert example["run_id"] == min(names[2:])
    assert example["candidates"][0]["outcome"]["status"] == "failed"
    report = builder.build()
    assert (report.runs, report.repeated) == (1, 2)


def test_what_a_bench_drew_is_no_decision_and_a_streams_runs_are(builder: DatasetBuilder) -> None:
    for number, policy in enumerate(["bench:coverage", "heuristic_baseline", "bundle:mlp-1"]):
        bench = {"bench_id": "b-1", "execution_id": number, "attempt": 1}
        epoch = "bench" if policy.startswith("bench") else "stream"
        write_archive(builder.archives, archive(number, bench=bench, policy_id=policy, epoch=epoch))
    assert list(builder.examples()) == ids(1, 2)
    assert builder.build().left_out == {"drawn by a bench": 1}
    for number in (1, 2):
        shutil.rmtree(builder.archives / ids(number)[0])
    with pytest.raises(PlannerError, match=r"\(1 drawn by a bench; for the winners of benches: "):
        builder.build()


def test_speculation_of_a_kernel_is_one_run_by_its_moment_of_asking(builder: DatasetBuilder) -> None:
    plan = {"swarm_id_executed": "speculate_vote", "max_candidates_executed": 2}
    for name in ("wc-a", "wc-b"):
        write_archive(builder.archives, archive(0, plan=plan, workcell_id=name))
    write_archive(builder.archives, archive(0, plan=plan, workcell_id="wc-c", started_ms=NOW_MS + HOUR_MS))
    assert len(builder.examples()) == 2


@pytest.mark.parametrize("statuses", [["error"], ["failed", "error"]])
def test_a_run_that_ended_in_an_error_is_no_example(builder: DatasetBuilder, statuses: list[str]) -> None:
    bench = {"bench_id": "b-1", "execution_id": 7, "attempt": 1}
    for index, status in enumerate(statuses):
        files = archive(0, bench=bench, status=status, workcell_id=f"x7-a1-c{index}-0badcafe")
        write_archive(builder.archives, files)
    write_archive(builder.archives, archive(1))
    assert builder.build().left_out == {"ended in an error": 1}
    assert list(builder.examples()) == ids(1)


def test_worlds_can_be_left_out(builder: DatasetBuilder) -> None:
    asked = planner_input(created_ms=NOW_MS - 1, job_type="fab-world")
    write_archive(builder.archives, archive(0, planner_input=asked))
    write_archive(builder.archives, archive(1))
    assert list(builder.examples()) == ids(0, 1)
    assert list(builder.examples(include_world=False)) == ids(1)
    assert read_dataset(builder.out).meta.include_world is False


# Older kernels.


def test_an_archive_without_a_plan_is_inferred_and_marked(builder: DatasetBuilder) -> None:
    serial, wide = legacy_archive(0), legacy_archive(1)
    serial["manifest"]["toolchain_config"]["timeout_minutes"] = 44
    wide["manifest"] |= {"speculate_mode": True, "control": {"speculate_parallelism": 2}}
    for files in (serial, wide):
        write_archive(builder.archives, files)
    first, second = (builder.examples()[name] for name in ids(0, 1))
    assert label_of(first) == Action("serial_handoff", 1, 45, "NA")
    assert label_of(second) == Action("speculate_vote", 2, "NA", "NA")
    assert {first["source"], second["source"]} == {"inferred"}
    assert first["planner_input"]["system_state"] is None
    assert read_dataset(builder.out).meta.epoch == UNKNOWN_EPOCH


def test_a_rollout_alone_or_manifest_and_proof_are_enough(builder: DatasetBuilder) -> None:
    alone, without = archive(0), archive(1)
    del alone["manifest"], alone["proof"], without["rollout"]
    write_archive(builder.archives, alone)
    write_archive(builder.archives, without)
    assert list(builder.examples()) == ids(0, 1)


def test_a_rebuilt_history_holds_only_what_was_known_when_the_run_began(builder: DatasetBuilder) -> None:
    lengths = {0: 10, 1: 90, 2: 60, 3: 59, 4: 10, 5: 10}
    for number, minutes in lengths.items():
        write_archive(builder.archives, legacy_archive(number, minutes=minutes, issue_id="depot-1"))
    write_archive(builder.archives, legacy_archive(6, started_ms=NOW_MS + 5 * HOUR_MS, issue_id="depot-2"))
    examples = builder.examples()
    seen = {
        name: [run["run_id"] for run in each["planner_input"]["history"]["last_n_similar_runs"]]
        for name, each in examples.items()
    }
    # Run 1 was still going on when 2 began; 2 ended when 3 began; 5 and 6 began together.
    assert [seen[name] for name in ids(0, 1, 2, 3)] == [[], ids(0), ids(0), ids(2, 1, 0)]
    assert seen[ids(5)[0]] == seen[ids(6)[0]] == ids(4, 3, 2, 1, 0)


def test_a_rebuilt_history_is_that_of_the_naive_reference(builder: DatasetBuilder) -> None:
    tags = [["a"], ["a", "b"], ["b"], ["c"], []]
    for number in range(25):
        write_archive(
            builder.archives,
            legacy_archive(number, tags=tags[number % 5], status=["success", "failed"][number % 2]),
        )
    examples = builder.examples(n_similar_runs=4)
    runs = [summary(run_of([read_archive(each, {})])) for each in builder.archives.iterdir()]
    last = examples[ids(24)[0]]
    issue = last["planner_input"]["issue"]
    query = SimilarQuery("code", last["started_ms"], issue["tags"], issue["issue_id"])
    assert last["planner_input"]["history"]["last_n_similar_runs"] == [
        run.document() for run in similar_runs(runs, query, 4)
    ]


def test_a_rebuilt_history_compares_keywords_on_request(builder: DatasetBuilder) -> None:
    for number, title in enumerate(
        ["colour of the toolbar", "parser drops a token", "token lost by the parser"]
    ):
        files = legacy_archive(number, tags=[])
        files["manifest"]["issue"]["title"] = title
        write_archive(builder.archives, files)

    def chosen(**options: Any) -> list[str]:
        last = builder.examples(n_similar_runs=1, **options)[ids(2)[0]]
        return [run["run_id"] for run in last["planner_input"]["history"]["last_n_similar_runs"]]

    write_archive(builder.archives, legacy_archive(3, started_ms=NOW_MS + HOUR_MS + 60_000, tags=[]))
    assert chosen() == ids(3)
    assert chosen(similar_keywords=True) == ids(1)


def test_runs_that_ended_in_an_error_are_no_history(builder: DatasetBuilder) -> None:
    write_archive(builder.archives, legacy_archive(0, status="error"))
    write_archive(builder.archives, legacy_archive(1))
    (example,) = builder.examples().values()
    assert example["planner_input"]["history"]["last_n_similar_runs"] == []


def test_a_backlog_fills_what_old_archives_leave_open_but_not_what_came_later(
    builder: DatasetBuilder,
) -> None:
    write_archive(builder.archives, legacy_archive(0))
    backlog = builder.archives.parent / "issues.jsonl"
    backlog.write_text(
        '{"id": "depot-0", "dk_risk": "high", "dk_size": "L", "dk_attempts": 4, "title": "new title"}\n<<<<<<<\n'
    )
    assert builder.build(issues=backlog).bad_issue_lines == [2]
    (example,) = builder.examples(issues=backlog).values()
    issue = example["planner_input"]["issue"]
    assert (issue["dk_risk"], issue["dk_size"], issue["dk_attempts"]) == ("high", "L", 0)
    assert issue["title"] == "mend it"


# Policy epochs.


def test_several_epochs_are_refused_unless_one_is_chosen_or_mixing_is_asked_for(
    builder: DatasetBuilder,
) -> None:
    write_archive(builder.archives, archive(0, epoch="kernel-1"))
    write_archive(builder.archives, archive(1, epoch="kernel-2"))
    first = epoch_of({"kernel_config_hash": "kernel-1"})
    with pytest.raises(PlannerError, match=r"2 policy epochs.*--mix-epochs"):
        builder.build()
    assert not builder.out.exists()
    assert list(builder.examples(epoch=first[:10])) == ids(0)
    assert read_dataset(builder.out).meta.epoch == first
    assert list(builder.examples(mix_epochs=True)) == ids(0, 1)
    assert read_dataset(builder.out).meta.epoch is None


def test_versions_of_toolchains_do_not_make_an_epoch() -> None:
    rules = {"kernel_config_hash": "k", "universe_hash": "u", "prompt_frontier_hash": "p"}
    assert epoch_of(rules) == epoch_of({**rules, "toolchain_versions": {"codex": "2"}})
    assert len({epoch_of(rules), *(epoch_of({**rules, name: "other"}) for name in rules)}) == 4


# What is broken.


def _broken(**changes: Any) -> dict[str, Json]:
    files = archive(0)
    for path, value in changes.items():
        *way, last = path.split("__")
        node: Any = files
        for key in way:
            node = node[key]
        node[last] = value
    return files


FUTURE = recorded_input(0, "depot-0", NOW_MS + 200 * 24 * HOUR_MS)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"manifest": archive(0)["manifest"]}, "neither rollout.json nor both"),
        (_broken(rollout__schema_version="cyntra.rollout.v2"), "unknown schema_version 'cyntra.rollout.v2'"),
        (_broken(rollout__metadata={}, proof__metadata={}), "its start time is missing"),
        (_broken(rollout__metadata={"started_at": "yesterday"}), "started_at is not a time: 'yesterday'"),
        (_broken(rollout__outcomes__status="fine"), "unknown status 'fine'"),
        (_broken(rollout__job_type="x", rollout__planner={}, manifest__planner={}), "unknown job type 'x'"),
        (_broken(rollout__scores={"duration_ms": -1}), "duration_ms is negative"),
        (
            _broken(rollout__scores={"duration_ms": 5, "provider_wait_ms": -1}),
            "provider_wait_ms is negative",
        ),
        (_broken(rollout__scores={"duration_ms": 5, "cost_usd": "free"}), "cost_usd is not a number: 'free'"),
        (_broken(rollout__planner__planner_input={"schema_version": "v0"}), "unknown schema_version 'v0'"),
        (_broken(rollout__planner__planner_input=FUTURE), "history of its planner_input"),
        (_broken(rollout__planner__executed_plan={}), "no schema_version"),
        (
            _broken(rollout__planner__executed_plan=executed_plan(swarm_id_executed="hive")),
            "'hive' is outside",
        ),
        (_broken(rollout__planner__policy_trace={"propensity_executed": 1.5}), "propensity"),
        (_broken(manifest__toolchain_config__repo="\ud800"), "surrogates not allowed"),
        (_broken(rollout__planner__policy_trace={"stability": {"universe_hash": float("inf")}}), "JSON"),
        (_broken(rollout__scores={"duration_ms": 10**400}), "too large"),
        (_broken(rollout__metadata={"started_at": "0001-01-01T00:00:00+23:00"}), "started_at is not a time"),
    ],
)
def test_a_broken_archive_is_skipped_counted_and_named(
    builder: DatasetBuilder, files: dict[str, Json], reason: str
) -> None:
    write_archive(builder.archives, files, name="broken-one")
    write_archive(builder.archives, archive(1))
    report = builder.build()
    assert [line.partition(":")[0] for line in report.skipped] in (["broken-one"], ids(0))
    assert reason in report.skipped[0]
    assert (builder.out / "skipped.txt").read_text() == report.skipped[0] + "\n"
    assert report.meta is not None
    assert report.meta.example_count == 1


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe{}", b'{"a": ' * 100_000, b"NaN"])
def test_files_that_are_no_json_objects_break_one_archive_only(builder: DatasetBuilder, data: bytes) -> None:
    directory = write_archive(builder.archives, archive(0))
    (directory / "rollout.json").write_bytes(data)
    write_archive(builder.archives, archive(1))
    report = builder.build()
    assert len(report.skipped) == 1
    assert report.skipped[0].startswith(f"{directory.name}: rollout.json: ")


def test_a_copy_of_an_archive_counts_once(builder: DatasetBuilder) -> None:
    write_archive(builder.archives, archive(0))
    write_archive(builder.archives, archive(0), name="a-copy")
    write_archive(builder.archives, archive(1))
    assert len(builder.build().skipped) == 1
    assert list(builder.examples()) == ids(0, 1)


def test_unfinished_archives_and_stray_files_are_passed_over(builder: DatasetBuilder) -> None:
    write_archive(builder.archives, archive(0))
    write_archive(builder.archives, archive(1), name=".x1.draft-ab")
    (builder.archives / "notes.txt").write_text("hello")
    assert builder.build().archives == 1


def test_where_nothing_is_left_nothing_is_written(builder: DatasetBuilder) -> None:
    with pytest.raises(PlannerError, match=r"cannot read archives from .*--archives"):
        builder.build()
    builder.archives.mkdir()
    with pytest.raises(PlannerError, match="no example among the 0 archives"):
        builder.build()
    write_archive(builder.archives, archive(0, status="error"))
    (builder.archives / "empty").mkdir()
    with pytest.raises(PlannerError, match=r"1 broken, 1 ended in an error; the first broken one: empty: "):
        builder.build()
    assert sorted(path.name for path in builder.archives.parent.iterdir()) == ["archives"]


@pytest.mark.parametrize("has_state", [True, False])
def test_what_kernels_in_the_field_write_is_read(builder: DatasetBuilder, has_state: bool) -> None:
    files = archive(0, plan={"max_iterations_executed": None})
    asked = files["manifest"]["planner"]["planner_input"]
    for run in asked["history"]["last_n_similar_runs"]:
        del run["schema_version"]
    asked["system_state"] = {"hour_bucket": 13, "active_workcells_bin": "6_plus", "queue_depth_bin": 4}
    if not has_state:
        del asked["system_state"]
    write_archive(builder.archives, files)
    (example,) = builder.examples().values()
    assert example["planner_input"] == asked
    assert label_of(example) == Action("serial_handoff", 1, 30, "NA")
