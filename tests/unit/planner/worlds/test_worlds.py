"""The generated world is what it says: its truth is what its outcomes come to, and one seed is one world."""

from pathlib import Path

import numpy as np
import pytest

from planner.dataset.read import read_dataset
from planner.errors import PlannerError
from planner.worlds.dataset import WorldPlan, soft_labels, write_world
from planner.worlds.generate import ACTIONS, draw_features, draw_outcomes, traits_of, true_values
from planner.worlds.ground_truth import TRUTH_FILE, read_ground_truth


def test_the_truth_is_what_outcomes_come_to() -> None:
    rng = np.random.default_rng(0)
    traits = traits_of(draw_features(rng, 40))
    everything = np.tile(np.arange(len(ACTIONS)), (40, 1))
    drawn, true = draw_outcomes(rng, traits, everything, 2000), true_values(traits)
    for actual, expected in (
        (drawn.passed.mean(axis=2), true.passing),
        (drawn.minutes.mean(axis=2), true.minutes),
        (drawn.dollars.mean(axis=2), true.dollars),
        (drawn.utility.mean(axis=2), true.utility),
    ):
        error = np.abs(actual - expected) / np.maximum(np.abs(expected).mean(), 1e-9)
        assert error.max() < 0.1
        assert error.mean() < 0.02


def test_what_is_best_depends_on_the_issue() -> None:
    values = true_values(traits_of(draw_features(np.random.default_rng(1), 400))).utility
    assert len(np.unique(values.argmax(axis=1))) >= 5
    assert values.max(axis=1).mean() - values.mean(axis=0).max() > 0.1


def test_one_seed_is_one_world_and_another_is_another(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("again", 5), ("other", 6)):
        write_world(tmp_path / name, WorldPlan(issues=20, seed=seed))
    first, again, other = ((tmp_path / name / TRUTH_FILE).read_bytes() for name in ("one", "again", "other"))
    assert first == again
    assert first != other
    truth = read_ground_truth(tmp_path / "one")
    dataset = read_dataset(tmp_path / "one")
    assert truth.dataset_hash == dataset.meta.dataset_hash
    assert {document["planner_input"]["issue"]["issue_id"] for document in dataset.examples()} == set(
        truth.issue_ids
    )


def test_soft_labels_share_where_noise_decides_and_settle_where_it_does_not() -> None:
    rng = np.random.default_rng(0)
    close = np.array([[[0.5, 0.7], [0.52, 0.68]]])
    clear = np.array([[[0.90, 0.92], [0.10, 0.12]]])
    assert soft_labels(rng, close).min() > 0.2
    assert soft_labels(rng, clear).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (WorldPlan(issues=9), "at least 10 issues"),
        (WorldPlan(arms=31), "1 to 30 arms"),
        (WorldPlan(replicates=0), "at least once"),
        (WorldPlan(seed=-1), "0 or more"),
    ],
)
def test_a_world_that_cannot_be_is_refused_and_nothing_written(
    tmp_path: Path, plan: WorldPlan, reason: str
) -> None:
    with pytest.raises(PlannerError, match=reason):
        write_world(tmp_path / "world", plan)
    assert not (tmp_path / "world").exists()


def test_a_dataset_without_truth_and_an_issue_of_another_world_are_named(tmp_path: Path) -> None:
    with pytest.raises(PlannerError, match=r"truth\.json is missing"):
        read_ground_truth(tmp_path)
    write_world(tmp_path / "world", WorldPlan(issues=12))
    with pytest.raises(PlannerError, match="'depot-1' is not of this world"):
        read_ground_truth(tmp_path / "world").of(["depot-1"])
