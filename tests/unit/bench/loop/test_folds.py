"""Folds leave issues out: no issue of a fold's test side is on another side of it, and each is tested once."""

from collections import Counter
from pathlib import Path

import pytest

from bench.errors import FailureError
from bench.loop.folds import deal, issue_of, sides_of, write_folds
from planner.dataset.read import read_dataset
from tests.fixtures.planner_examples import examples, write_dataset, write_examples


@pytest.mark.parametrize("folds", [3, 4])
def test_no_issue_is_on_two_sides_and_each_is_tested_in_one_fold(tmp_path: Path, folds: int) -> None:
    base = read_dataset(write_dataset(tmp_path / "base", 60))
    everything = Counter(issue_of(example) for example in base.examples())
    tested: Counter[str] = Counter()
    for home in write_folds(base, tmp_path, folds, seed=0):
        fold = read_dataset(home / "dataset")
        sides = [
            Counter(issue_of(example) for example in fold.examples(side)) for side in ("train", "val", "test")
        ]
        assert all(sides)
        assert not any(side.keys() & other.keys() for side in sides for other in sides if side is not other)
        assert sum(sides, Counter()) == everything
        tested += sides[2]
    assert tested == everything


def test_the_examples_are_those_of_the_base_but_for_their_split(tmp_path: Path) -> None:
    base = read_dataset(write_dataset(tmp_path / "base", 30))
    fold = read_dataset(write_folds(base, tmp_path, 3, seed=0)[1] / "dataset")
    pairs = zip(base.examples(), fold.examples(), strict=True)
    assert all({**old, "split": new["split"]} == new for old, new in pairs)
    assert fold.meta.epoch == base.meta.epoch


def test_winners_that_are_all_alike_teach_nothing(tmp_path: Path) -> None:
    documents = examples(30, job_type="code")
    alike = [{**document, "label_action": documents[0]["label_action"]} for document in documents]
    base = read_dataset(write_examples(tmp_path / "base", alike))
    with pytest.raises(FailureError, match="fold 1 trains on all have the same winner"):
        write_folds(base, tmp_path, 3, seed=0)
    assert not (tmp_path / "fold-1").exists()


def test_as_many_issues_as_folds_leave_no_side_empty() -> None:
    for seed in range(20):
        fold_of = deal({"a", "b", "c"}, 3, seed)
        for tested in range(3):
            assert sorted(sides_of(fold_of, tested, 3).values()) == ["test", "train", "val"]


def test_the_seed_decides_who_is_dealt_where() -> None:
    issues = {f"issue-{number}" for number in range(12)}
    assert deal(issues, 4, 0) == deal(issues, 4, 0)
    assert deal(issues, 4, 0) != deal(issues, 4, 1)
