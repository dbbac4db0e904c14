"""A dataset is read whole as it was written, or refused in one line that says what is wrong and where."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from planner.dataset.read import read_dataset
from planner.documents.dataset import DatasetMeta
from planner.errors import PlannerError
from tests.fixtures.planner_examples import examples, write_dataset, write_examples

Json = dict[str, Any]
FOUR = examples(4, seed=3)


def refusal(directory: Path, **options: Any) -> str:
    with pytest.raises(PlannerError) as caught:
        list(read_dataset(directory, **options).examples())
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_examples_come_back_as_they_were_written_in_order_and_by_split(tmp_path: Path) -> None:
    written = examples(30, seed=1)
    dataset = read_dataset(write_dataset(tmp_path / "d", 30, seed=1))
    assert list(dataset.examples()) == written
    for split in ("train", "val", "test"):
        restored = list(dataset.examples(split))
        assert restored == [each for each in written if each["split"] == split]
        assert len(restored) == dataset.meta.split_counts[split]


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    assert "meta.json is missing" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "is no dataset" in refusal(tmp_path / "file")
    write_dataset(tmp_path / "d", 3)
    (tmp_path / "d" / "dataset.jsonl").unlink()
    assert "dataset.jsonl is missing" in refusal(tmp_path / "d")


def test_changed_bytes_are_refused_with_both_hashes(tmp_path: Path) -> None:
    directory = write_dataset(tmp_path / "d", 3)
    with (directory / "dataset.jsonl").open("a") as file:
        file.write(" ")
    stated = json.loads((directory / "meta.json").read_text())["dataset_hash"]
    assert stated[:12] in refusal(directory)


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        (
            {"schema_version": "cyntra.planner_dataset.v2"},
            "unknown schema_version 'cyntra.planner_dataset.v2'",
        ),
        ({"example_count": -1}, "example_count"),
        ({"n_similar_runs": "8"}, "n_similar_runs"),
        ({"example_count": 0}, "has no examples"),
    ],
)
def test_a_meta_that_is_none_of_ours_is_refused(tmp_path: Path, meta: Json, reason: str) -> None:
    assert reason in refusal(write_examples(tmp_path, FOUR, **meta))


def test_a_meta_that_is_no_text_or_no_json_is_refused(tmp_path: Path) -> None:
    write_examples(tmp_path, FOUR)
    (tmp_path / "meta.json").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in refusal(tmp_path)
    (tmp_path / "meta.json").write_text("[1]")
    assert "a JSON object is needed" in refusal(tmp_path)


def test_a_dataset_of_another_epoch_is_refused_where_the_epoch_matters(tmp_path: Path) -> None:
    directory = write_examples(tmp_path, FOUR, epoch="epoch-1")
    assert read_dataset(directory, epoch="epoch-1").meta.epoch == "epoch-1"
    assert "of policy epoch epoch-1, not epoch-2" in refusal(directory, epoch="epoch-2")
    write_examples(tmp_path, FOUR, epoch=None)
    assert "mixed" in refusal(directory, epoch="epoch-2")


def _without(key: str) -> Json:
    return {name: value for name, value in FOUR[2].items() if name != key}


def _with(path: str, value: Any) -> Json:
    changed: Any = copy.deepcopy(FOUR[2])
    *way, last = path.split(".")
    node = changed
    for key in way:
        node = node[key]
    node[last] = value
    restored: Json = changed
    return restored


SERIAL = {"max_candidates_bin": 3, "max_minutes_bin": 30, "max_iterations_bin": "NA"}


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        (_without("label_action"), "label_action: Field required"),
        (_without("run_id"), "run_id: Field required"),
        (_with("split", "dev"), "split"),
        (_with("source", "guess"), "source"),
        (_with("planner_input.schema_version", "cyntra.planner_input.v9"), "planner_input.schema_version"),
        (_with("planner_input.issue.dk_risk", "extreme"), "planner_input.issue.dk_risk"),
        (_with("label_action.swarm_id", "hive"), "label_action: ['hive'"),
        (_with("label_action.budgets.max_minutes_bin", 20), "label_action.budgets.max_minutes_bin"),
        (
            _with(
                "label_action", {**FOUR[2]["label_action"], "swarm_id": "serial_handoff", "budgets": SERIAL}
            ),
            "is outside the action space of",
        ),
        (
            _with("soft_label", [{"action": ["serial_handoff", 1, 30, "NA"], "weight": 0.5}]),
            "the weights sum to 0.5, not 1",
        ),
        (_with("soft_label", []), "the weights sum to 0, not 1"),
        (_with("soft_label", [{"action": ["serial_handoff", 2, 30, "NA"], "weight": 1.0}]), "soft_label: ["),
    ],
)
def test_an_example_that_is_none_is_named_by_its_line(tmp_path: Path, example: Json, reason: str) -> None:
    message = refusal(write_examples(tmp_path, [*FOUR[:2], example, FOUR[3]]))
    assert reason in message
    assert f"{tmp_path}/dataset.jsonl:3: " in message


def test_a_candidate_outside_the_action_space_is_refused(tmp_path: Path) -> None:
    benched = copy.deepcopy(examples(1, benched=True)[0])
    benched["candidates"][0]["action"] = ["serial_handoff", "NA", 30, "NA"]
    assert "candidates: ['serial_handoff', 'NA', 30, 'NA'] is outside" in refusal(
        write_examples(tmp_path, [benched])
    )


def test_the_fixture_writes_what_the_model_says(tmp_path: Path) -> None:
    directory = write_dataset(tmp_path, 3)
    assert DatasetMeta.model_validate_json((directory / "meta.json").read_text()).example_count == 3
