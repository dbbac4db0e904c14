"""Winners of benches become examples, and take the place of what was executed on the same inputs."""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from planner.dataset.epochs import epoch_of
from planner.dataset.merge import MergeOptions, MergeReport, merge_best_of_k
from planner.dataset.read import read_dataset
from planner.documents.planner_input import input_hash
from planner.errors import PlannerError
from tests.fixtures.archive_files import HOUR_MS, archive, label, write_archive, write_labels
from tests.fixtures.dataset_builder import DatasetBuilder
from tests.fixtures.planner_examples import NOW_MS, write_dataset

Json = dict[str, Any]


class Merger:
    """Merges labels into `out`, all below `home`."""

    def __init__(self, home: Path) -> None:
        self.home, self.labels, self.out = home, home / "labels", home / "merged"

    def merge(self, *more: Path, **options: Any) -> MergeReport:
        return merge_best_of_k(self.out, MergeOptions([self.labels, *more], **options))

    def examples(self, *more: Path, **options: Any) -> dict[str, Json]:
        self.merge(*more, **options)
        return {each["run_id"]: each for each in read_dataset(self.out).examples()}

    def refusal(self, *more: Path, **options: Any) -> str:
        with pytest.raises(PlannerError) as caught:
            self.merge(*more, **options)
        message = str(caught.value)
        assert "\n" not in message
        assert not self.out.exists()
        return message


@pytest.fixture
def merger(tmp_path: Path) -> Merger:
    return Merger(tmp_path)


def test_a_label_keeps_its_input_outcomes_and_shares(merger: Merger) -> None:
    written = [label(number) for number in range(10)]
    write_labels(merger.labels, written)
    examples = merger.examples()
    assert list(examples) == [each["run_id"] for each in written]
    for each in written:
        actual = examples[each["run_id"]]
        assert actual["planner_input"] == each["planner_input"]
        assert actual["candidates"] == each["candidates"]
        assert actual["label_action"] == each["label_action"]
        assert actual["soft_label"] == each["bench_metadata"]["winner_selection"]["soft_label"]
        assert actual["source"] == "best_of_k"
        assert actual["input_hash"] == input_hash(each["planner_input"])
    assert examples["b-1:depot-3"]["started_ms"] == NOW_MS + 3 * HOUR_MS - 60_000
    meta = read_dataset(merger.out).meta
    assert meta.split_counts == {"train": 8, "val": 1, "test": 1}
    assert meta.epoch == epoch_of({"kernel_config_hash": "kernel-1"})


def of_repository(number: int, repo: str | None) -> Json:
    document = label(number)
    if repo is not None:
        document["bench_metadata"]["repo"] = repo
    return document


def test_labels_are_split_by_their_repositories(merger: Merger) -> None:
    write_labels(merger.labels, [of_repository(number, f"repo-{number % 4}") for number in range(20)])
    sides: dict[str, set[str]] = {}
    for each in merger.examples(split_by="repository").values():
        sides.setdefault(each["repo"], set()).add(each["split"])
    assert sorted(sides) == ["repo-0", "repo-1", "repo-2", "repo-3"]
    assert all(len(distinct) == 1 for distinct in sides.values())
    assert set().union(*sides.values()) == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("repos", "named"),
    [
        (["repo-0"], "these are of 1 (repo-0): add archives or labels of others, or split by time"),
        (["repo-0", "repo-1"], "these are of 2 (repo-0, repo-1): add"),
        (
            [None],
            "these are of 1 (unknown): add archives or labels of others, or split by time; labels of older",
        ),
    ],
)
def test_a_split_by_too_few_repositories_is_refused(
    merger: Merger, repos: list[str | None], named: str
) -> None:
    write_labels(merger.labels, [of_repository(number, repos[number % len(repos)]) for number in range(20)])
    refused = merger.refusal(split_by="repository")
    assert refused.startswith("a split by repository needs examples of 3 repositories, and ")
    assert named in refused


def test_an_export_of_an_older_version_without_repositories_is_no_other_label(merger: Merger) -> None:
    write_labels(merger.labels, [of_repository(0, "repo-0")])
    older = write_labels(merger.home / "older", [of_repository(0, None)])
    assert merger.merge(older).doubles == 1


def test_a_label_without_shares_is_hard(merger: Merger) -> None:
    hard = label(0)
    del hard["bench_metadata"]["winner_selection"]["soft_label"]
    write_labels(merger.labels, [hard])
    (example,) = merger.examples().values()
    assert "soft_label" not in example


def test_a_label_takes_the_place_of_the_arms_of_its_bench(merger: Merger, builder: DatasetBuilder) -> None:
    labels = [label(0), label(1)]
    write_labels(merger.labels, labels)
    arms = [archive(number, planner_input=labels[0]["planner_input"]) for number in range(3)]
    for files in [*arms, archive(7)]:
        write_archive(builder.archives, files)
    builder.build()
    report = merger.merge(base=builder.out)
    assert (report.labels, report.kept, report.replaced) == (2, 1, 3)
    examples = merger.examples(base=builder.out)
    assert set(examples) == {"b-1:depot-0", "b-1:depot-1", "x7-a1-c0-0badcafe"}
    # Labels do not say where their issue lives; the archives of the same input do.
    assert examples["b-1:depot-0"]["repo"] == "https://example.org/depot.git"
    assert examples["b-1:depot-1"]["repo"] is None


def test_merging_again_puts_the_newer_label_in_place_of_the_older(merger: Merger) -> None:
    write_labels(merger.labels, [label(0), label(1)])
    merger.merge()
    newer = label(0, created_at="2026-12-01T00:00:00Z")
    newer["label_action"]["budgets"]["max_minutes_bin"] = 120
    write_labels(merger.home / "newer", [newer])
    merged = merge_best_of_k(merger.home / "again", MergeOptions([merger.home / "newer"], base=merger.out))
    assert (merged.labels, merged.kept, merged.replaced) == (1, 1, 1)


def test_the_same_labels_in_two_files_count_once_and_others_of_that_name_are_refused(merger: Merger) -> None:
    write_labels(merger.labels, [label(0), label(1)])
    same = write_labels(merger.home / "same", [label(1)])
    assert merger.merge(same).doubles == 1
    other = write_labels(merger.home / "other", [label(1, created_at="2026-12-01T00:00:00Z")])
    merger.out = merger.home / "elsewhere"
    assert "another file labels b-1:depot-1 otherwise" in merger.refusal(other)


def test_labels_and_base_of_other_epochs_are_mixed_only_on_request(merger: Merger) -> None:
    write_labels(merger.labels, [label(0), label(1, config_hash="kernel-2")])
    assert "2 policy epochs" in merger.refusal()
    base = write_dataset(merger.home / "base", 6)
    write_labels(merger.labels, [label(0)])
    assert "epoch-1" in merger.refusal(base=base)
    assert len(merger.examples(base=base, mix_epochs=True)) == 7
    assert read_dataset(merger.out).meta.epoch is None
    mixed, merger.out = merger.out, merger.home / "elsewhere"
    assert "mixed" in merger.refusal(base=mixed)


def _bent(path: str, value: Any) -> Json:
    document: Any = copy.deepcopy(label(1))
    *way, last = path.split("/")
    node = document
    for key in way:
        node = node[int(key) if key.isdigit() else key]
    node[last] = value
    actual: Json = document
    return actual


@pytest.mark.parametrize(
    ("bent", "reason"),
    [
        (_bent("schema_version", "cyntra.best_of_k_example.v2"), "unknown schema_version"),
        (_bent("planner_input", {}), "planner_input"),
        (_bent("label_action/swarm_id", "hive"), "label_action: ['hive'"),
        (_bent("label_action/budgets/max_iterations_bin", 3), "outside the action space of code"),
        (_bent("candidates/0/action", ["serial_handoff", 2, 30, "NA"]), "candidates: ["),
        (_bent("candidates/0/propensity", 2), "candidates[0].propensity"),
        (_bent("bench_metadata/winner_selection/soft_label", [{"action": 3}]), "soft_label"),
    ],
)
def test_a_label_that_is_none_is_named_by_file_and_line(merger: Merger, bent: Json, reason: str) -> None:
    write_labels(merger.labels, [label(0), bent])
    message = merger.refusal()
    assert f"{merger.labels}/best_of_k_dataset.jsonl:2: " in message
    assert reason in message


@pytest.mark.parametrize("line", ["{", "", "null", '{"a": 1}', "\x00"])
def test_a_broken_line_refuses_the_file(merger: Merger, line: str) -> None:
    write_labels(merger.labels, [label(0)])
    file = merger.labels / "best_of_k_dataset.jsonl"
    file.write_text(file.read_text() + line + "\n")
    assert f"{file}:2: " in merger.refusal()


def test_missing_empty_and_altered_labels_are_refused(merger: Merger) -> None:
    assert "there are no labels; bench labels export writes" in merger.refusal()
    write_labels(merger.labels, [])
    assert "no case of the bench has a winner yet" in merger.refusal()
    write_labels(merger.labels, [label(0)])
    file = merger.labels / "best_of_k_dataset.jsonl"
    header = merger.labels / "best_of_k_dataset.header.json"
    header.write_text(json.dumps({"sha256": "0" * 64}))
    assert "export the labels again" in merger.refusal()
    header.write_text(json.dumps({"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}))
    assert len(merger.examples(file)) == 1
