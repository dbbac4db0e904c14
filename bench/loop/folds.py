"""Grouped cross-validation by issue: one dataset for each fold, tested on held-out issues."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.errors import FailureError
from bench.loop.learn import DATASET
from planner.canonical import canonical_json
from planner.dataset.read import EXAMPLES_FILE, META_FILE, Dataset
from planner.dataset.splits import SPLITS
from planner.system.atomic import atomic_directory

Json = dict[str, Any]


def write_folds(dataset: Dataset, directory: Path, folds: int, seed: int) -> list[Path]:
    """Write `directory/fold-1/dataset` …: `dataset` with new splits, so that each issue is tested in one fold.

    At least 3 folds, and no fewer issues. Issues are assigned in the order of a hash of seed and id; the fold after
    the tested one is the validation split.

    Returns: the directories of the folds.
    Raises: `FailureError` where all issues of a training split have the same winner.
    """
    examples = list(dataset.examples())
    fold_of = deal({issue_of(example) for example in examples}, folds, seed)
    _check_labels(examples, fold_of, folds)
    homes = [directory / f"fold-{fold + 1}" for fold in range(folds)]
    for fold, home in enumerate(homes):
        _write(home / DATASET, dataset, examples, sides_of(fold_of, fold, folds))
    return homes


def issue_of(example: Mapping[str, Any]) -> str:
    """The issue id of an example."""
    return str(example["planner_input"]["issue"]["issue_id"])


def deal(issue_ids: set[str], folds: int, seed: int) -> dict[str, int]:
    """The fold of each issue, from 0, in balanced sizes; with as many issues as folds no fold is empty."""
    order = sorted(issue_ids, key=lambda issue_id: hashlib.sha256(f"{seed}:{issue_id}".encode()).digest())
    return {issue_id: position % folds for position, issue_id in enumerate(order)}


def sides_of(fold_of: Mapping[str, int], tested: int, folds: int) -> dict[str, str]:
    """The split ("train", "val", "test") of each issue where fold `tested` is the test split."""
    sides = {tested: "test", (tested + 1) % folds: "val"}
    return {issue_id: sides.get(fold, "train") for issue_id, fold in fold_of.items()}


def _check_labels(examples: list[Json], fold_of: Mapping[str, int], folds: int) -> None:
    for fold in range(folds):
        sides = sides_of(fold_of, fold, folds)
        train = [example["label_action"] for example in examples if sides[issue_of(example)] == "train"]
        winners = {(label["swarm_id"], *sorted(label["budgets"].items())) for label in train}
        if len(winners) < 2:
            raise FailureError(
                f"the {len(train)} issues that fold {fold + 1} trains on all have the same winner, so there is nothing "
                "to learn; bench again with another --seed"
            )


def _write(target: Path, base: Dataset, examples: list[Json], sides: Mapping[str, str]) -> None:
    text = "".join(_lines(examples, sides))
    counts = [sides[issue_of(example)] for example in examples]
    meta = {
        **base.meta.document(),
        "dataset_hash": hashlib.sha256(text.encode()).hexdigest(),
        "split_counts": {split: counts.count(split) for split in SPLITS},
    }
    with atomic_directory(target) as draft:
        (draft / EXAMPLES_FILE).write_text(text, encoding="utf-8")
        (draft / META_FILE).write_text(canonical_json(meta) + "\n", encoding="utf-8")


def _lines(examples: list[Json], sides: Mapping[str, str]) -> Iterator[str]:
    for example in examples:
        yield canonical_json({**example, "split": sides[issue_of(example)]}) + "\n"
