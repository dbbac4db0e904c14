"""Gates: data that cannot teach stops training with the figure and what mends it, before anything is written."""

from pathlib import Path
from typing import Any

import pytest

from planner.dataset.read import read_dataset
from planner.errors import PlannerError
from planner.training.config import TrainingConfig
from planner.training.train import train
from tests.fixtures.planner_examples import examples, write_examples
from tests.unit.planner.training.conftest import quick


def refusal(directory: Path, documents: list[dict[str, Any]], config: TrainingConfig) -> str:
    """The one line that refuses these examples."""
    dataset = read_dataset(write_examples(directory / "data", documents))
    with pytest.raises(PlannerError) as refused:
        train(dataset, config, directory / "model", save_seconds=0)
    assert [path.name for path in directory.iterdir()] == ["data"]
    message = str(refused.value)
    assert "\n" not in message
    return message


def with_label(documents: list[dict[str, Any]], index: int) -> list[dict[str, Any]]:
    """Every example with the label of example `place`."""
    label = documents[index]["label_action"]
    return [{**document, "label_action": label, "soft_label": None} for document in documents]


def test_too_few_examples_of_code_say_how_many(tmp_path: Path) -> None:
    documents = examples(30, job_type="code") + examples(30, seed=1, job_type="fab-asset")
    message = refusal(tmp_path, documents, quick(min_examples=500))
    assert message == (
        "27 examples of job type code, fewer than 500: bench or run more issues, or ask for less with --min-examples"
    )


def test_labels_that_near_duplicates_do_not_share_say_how_far_they_agree(tmp_path: Path) -> None:
    documents = [
        {**document, "planner_input": {**document["planner_input"], "issue": case["planner_input"]["issue"]}}
        for case in [examples(1, job_type="code")[0]]
        for document in examples(40, job_type="code")
    ]
    message = refusal(tmp_path, documents, quick(min_agreement=0.8))
    assert "labels of near-duplicate inputs agree in " in message
    assert "% of 528 pairs, below 80%: label with more replicates" in message


def test_a_single_class_is_refused_by_name(tmp_path: Path) -> None:
    documents = with_label(examples(40, job_type="code"), 0)
    message = refusal(tmp_path, documents, quick())
    assert "all 33 training examples of a job type have one label (" in message
    assert "bench more arms or issues" in message


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    for split, name in (("val", "validation"), ("train", "training")):
        documents = [document for document in examples(40) if document["split"] != split]
        index = tmp_path / split
        index.mkdir()
        assert refusal(index, documents, quick()) == (
            f"the dataset has no {name} examples; build it from more issues"
        )


def test_an_outcome_model_needs_outcomes_of_both_sorts(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert "no training example has outcomes" in refusal(
        tmp_path / "a", examples(40, benched=False), quick("outcome")
    )
    documents = examples(40, benched=True)
    for document in documents:
        for candidate in document["candidates"]:
            candidate["outcome"] |= {"status": "failed", "all_gates_passed": False}
    message = refusal(tmp_path / "b", documents, quick("outcome"))
    assert "0 of 330 executions passed: an outcome model needs both passes and failures" in message


def test_a_beginning_that_learns_nothing_stops(tmp_path: Path) -> None:
    config = quick(learning_rate=1e-9, least_learning_rate=0.0)
    message = refusal(tmp_path, examples(60), config)
    assert "after epoch 3 the loss is " in message
    assert "the loss of a random policy: train with a higher --learning-rate" in message


@pytest.mark.parametrize("rate", [1e30, 1e12])
def test_a_gradient_that_is_not_finite_stops_and_says_where(tmp_path: Path, rate: float) -> None:
    message = refusal(tmp_path, examples(200), quick(learning_rate=rate))
    assert "the gradient is " in message or "the loss is " in message
    assert "--learning-rate" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be above 0, not 0"),
        ({"batch_size": -1}, "batch size must be above 0"),
        ({"learning_rate": float("nan")}, "learning rate must be above 0, not nan"),
        ({"weight_decay": -0.1}, "weight decay must be 0 or more"),
        ({"smoothing": 1.0}, "smoothing must be from 0 to below 1"),
        ({"seed": -1}, "seed must be from 0"),
        ({"threads": 0}, "threads must be above 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, changes: Any, message: str) -> None:
    assert message in refusal(tmp_path, examples(12), quick(**changes))


def test_the_control_passes_the_gates_it_is_meant_to_fail(tmp_path: Path) -> None:
    documents = examples(60)
    dataset = read_dataset(write_examples(tmp_path / "data", documents))
    config = quick(learning_rate=1e-9, epochs=1, min_agreement=1.0, shuffle_labels=True)
    report = train(dataset, config, tmp_path / "model")
    assert report["config"]["shuffle_labels"]
