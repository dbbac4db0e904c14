"""Runs of fab-worlds, which kernels keep next to the archives, become examples and histories."""

import json
from pathlib import Path
from typing import Any

import pytest

from planner.actions import Action
from planner.dataset.arrays import label_of
from planner.dataset.build import BuildOptions, build_dataset
from planner.dataset.read import read_dataset
from planner.errors import PlannerError
from tests.fixtures.archive_files import archive, executed_plan, write_archives
from tests.fixtures.planner_examples import NOW_MS, iso

Json = dict[str, Any]
MINUTE_MS = 60_000


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """The state directory of a kernel with one archive."""
    directory = tmp_path / ".cyntra"
    write_archives(directory / "archives", 1, epoch=None)
    (directory / "runs").mkdir()
    return directory


def write_run(kernel: Path, number: int, **given: Any) -> str:
    """One fab-world run; keys of `given` are `context`, `stages`, `verdict` and `planner`."""
    name = f"evo_u1_w1_seed4_g0_c{number}"
    directory = kernel / "runs" / name
    (directory / "verdict").mkdir(parents=True)
    stages = given.get("stages", [{"id": "bake", "status": "success", "duration_ms": 4 * MINUTE_MS}] * 2)
    planner = {"planner": given["planner"]} if "planner" in given else {}
    created = iso(NOW_MS + number * 60 * MINUTE_MS)
    _write(directory / "manifest.json", {"run_id": name, "created_at": created, "stages": stages, **planner})
    context = {"universe_id": "u1", "world_id": "w1", "objective_id": "o1", "swarm_id": "speculate_vote"}
    _write(directory / "context.json", {**context, "issue_id": None, **given.get("context", {})})
    if "verdict" in given:
        _write(directory / "verdict" / "gate_verdict.json", given["verdict"])
    return name


def write_evolution(kernel: Path, candidates: list[str], population: int) -> None:
    directory = kernel / "runs" / "evolution"
    directory.mkdir()
    _write(directory / "context.json", {"universe_id": "u1"})
    generation = {"population_size": population, "candidates": [{"run_id": name} for name in candidates]}
    _write(directory / "evolve_world.json", {"population_size": population, "history": [generation]})


def _write(path: Path, document: Json) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


def build(kernel: Path, root: str = "archives", **options: Any) -> dict[str, Json]:
    out = kernel.parent / "data"
    report = build_dataset(out, BuildOptions([kernel / root], mix_epochs=True, **options))
    assert report.skipped == []
    return {each["run_id"]: each for each in read_dataset(out).examples()}


def test_runs_next_to_the_archives_become_examples(kernel: Path) -> None:
    names = [write_run(kernel, number) for number in range(2)]
    write_evolution(kernel, names, 2)
    (kernel / "runs" / "a code run").mkdir()
    examples = build(kernel)
    assert sorted(examples) == sorted([*names, "x0-a1-c0-0badcafe"])
    asked = examples[names[1]]["planner_input"]
    assert (asked["job_type"], asked["universe_id"]) == ("fab-world", "u1")
    assert asked["issue"]["tags"] == ["asset:world", "world:w1", "objective:o1"]
    assert label_of(examples[names[1]]) == Action("speculate_vote", 2, "NA", "NA")
    assert examples[names[1]]["source"] == "inferred"
    (earlier,) = asked["history"]["last_n_similar_runs"]
    assert (earlier["run_id"], earlier["domain"]) == (names[0], "fab_world")
    assert earlier["runtime"]["duration_ms"] == 8 * MINUTE_MS


def test_they_are_left_out_on_request_and_read_alone(kernel: Path) -> None:
    name = write_run(kernel, 0)
    assert list(build(kernel, include_world=False)) == ["x0-a1-c0-0badcafe"]
    assert list(build(kernel, "runs")) == [name]


@pytest.mark.parametrize(
    ("given", "status", "codes", "gates"),
    [
        ({}, "success", [], []),
        (
            {"stages": [{"id": "bake", "status": "failed"}, {"id": "light", "status": "success"}]},
            "failed",
            ["stage_failed:bake"],
            [],
        ),
        (
            {"verdict": {"verdict": "fail", "gate_config_id": "g", "failures": {"hard": ["HOLES"]}}},
            "failed",
            ["HOLES"],
            [{"name": "g", "passed": False}],
        ),
        (
            {"verdict": {"verdict": "pass", "scores": {"overall": 0.5}}},
            "success",
            [],
            [{"name": "verdict", "passed": True, "score": 0.5}],
        ),
    ],
)
def test_stages_and_the_verdict_are_the_outcome(
    kernel: Path, given: Json, status: str, codes: list[str], gates: list[Json]
) -> None:
    first, second = write_run(kernel, 0, **given), write_run(kernel, 1)
    (earlier,) = build(kernel)[second]["planner_input"]["history"]["last_n_similar_runs"]
    assert earlier["run_id"] == first
    assert earlier["outcome"] == {"status": status, "fail_codes": codes, "gates": gates}


def test_the_recorded_plan_and_the_backlog_come_first(kernel: Path) -> None:
    plan = executed_plan(
        swarm_id_executed="speculate_vote", max_candidates_executed=3, max_iterations_executed=5
    )
    name = write_run(kernel, 0, context={"issue_id": "depot-9"}, planner={"executed_plan": plan})
    backlog = kernel.parent / "issues.jsonl"
    backlog.write_text('{"id": "depot-9", "dk_risk": "high", "tags": ["lighting"]}\n')
    example = build(kernel, issues=backlog)[name]
    assert label_of(example) == Action("speculate_vote", 3, 30, 5)
    issue = example["planner_input"]["issue"]
    assert (issue["issue_id"], issue["dk_risk"], issue["tags"][:2]) == (
        "depot-9",
        "high",
        ["lighting", "asset:world"],
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"context": {"swarm_id": "hive"}}, "swarm 'hive' is outside the action space"),
        ({"stages": []}, "manifest.json: it names no stages"),
        ({"stages": [{"duration_ms": -1}]}, "duration_ms is negative: -1"),
    ],
)
def test_a_broken_run_is_named(kernel: Path, given: Json, reason: str) -> None:
    name = write_run(kernel, 0, **given)
    report = build_dataset(kernel.parent / "data", BuildOptions([kernel / "archives"]))
    assert report.skipped == [f"{name}: {reason}"]


def test_epochs_are_not_mixed_with_those_of_archives(kernel: Path) -> None:
    write_run(kernel, 0)
    write_archives(kernel / "archives", 1, lambda number: archive(number + 5))
    with pytest.raises(PlannerError, match="2 policy epochs"):
        build_dataset(kernel.parent / "data", BuildOptions([kernel / "archives"]))
