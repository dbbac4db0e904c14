"""Descriptive statistics of a dataset: counts, labels, agreement and lanes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from planner.actions import Action, Bin
from planner.dataset.agreement import LabelAgreement, near_duplicate_agreement
from planner.dataset.arrays import encode_examples, label_of
from planner.dataset.lanes import lane_of
from planner.dataset.read import Dataset
from planner.dataset.splits import SPLITS
from planner.errors import PlannerError
from planner.space.heads import HEAD_VALUES, HEADS
from planner.system.progress import ProgressReporter, no_progress

Json = dict[str, Any]


class Label(NamedTuple):
    """The columns of an example that are counted."""

    action: Action
    risk: str
    size: str


class Stats(NamedTuple):
    """Counts over all examples of a dataset."""

    by_split: Counter[str]
    by_source: Counter[str]
    by_job_type: Counter[str]
    by_lane: Counter[str | None]
    labels: Counter[Label]
    issues: int
    with_history: int
    with_outcomes: int
    positions: float
    """Mean number of features that are 1."""
    agreement: LabelAgreement

    @property
    def examples(self) -> int:
        return self.labels.total()

    def label_counts(self, head: int) -> dict[Bin | str, Counter[str]]:
        """Counts of a head's values: in total under `all`, by risk and by size."""
        counts: dict[Bin | str, Counter[str]] = {value: Counter() for value in HEAD_VALUES[head]}
        for label, count in self.labels.items():
            row = counts[label.action[head]]
            for column in ("all", label.risk, label.size):
                row[column] += count
        return counts

    def document(self) -> Json:
        """The JSON form."""
        return {
            "examples": self.examples,
            "issues": self.issues,
            "by_split": {split: self.by_split[split] for split in SPLITS},
            "by_source": dict(self.by_source),
            "by_job_type": dict(self.by_job_type),
            "with_history": self.with_history,
            "with_outcomes": self.with_outcomes,
            "positions_mean": self.positions,
            "labels": {
                name: {str(value): dict(row) for value, row in self.label_counts(head).items()}
                for head, name in enumerate(HEADS)
            },
            "near_duplicates": {"pairs": self.agreement.pairs, "agreement": self.agreement.share},
            "lanes": {str(lane or "none"): count for lane, count in self.by_lane.items()},
        }


class _Counting:
    """Counts a stream of examples."""

    def __init__(self, include_world: bool) -> None:
        self._include_world = include_world
        self.splits: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.job_types: Counter[str] = Counter()
        self.labels: Counter[Label] = Counter()
        self.with_history = 0

    def passing(self, examples: Iterator[Json]) -> Iterator[Mapping[str, Any]]:
        for example in examples:
            planner_input = example["planner_input"]
            if planner_input["job_type"] == "fab-world" and not self._include_world:
                continue
            issue = planner_input["issue"]
            self.splits[example["split"]] += 1
            self.sources[example["source"]] += 1
            self.job_types[planner_input["job_type"]] += 1
            self.labels[Label(label_of(example), issue["dk_risk"], issue["dk_size"])] += 1
            self.with_history += bool(planner_input["history"]["last_n_similar_runs"])
            yield example


def dataset_stats(
    dataset: Dataset, progress: ProgressReporter = no_progress, *, include_world: bool = True
) -> Stats:
    """Compute the statistics in one pass over the dataset, fab-world runs only with `include_world`.

    Raises `PlannerError` where an example is invalid, or all of them are left out.
    """
    counting = _Counting(include_world)
    encoded = encode_examples(
        counting.passing(progress(dataset.examples(), "reading examples", dataset.meta.example_count))
    )
    if not counting.labels:
        raise PlannerError(
            f"{dataset.directory}: all examples are fab-world runs; leave out --no-include-world"
        )
    lanes: Counter[str | None] = Counter()
    for label, count in counting.labels.items():
        lanes[lane_of(label.risk, label.size, label.action)] += count
    return Stats(
        by_split=counting.splits,
        by_source=counting.sources,
        by_job_type=counting.job_types,
        by_lane=lanes,
        labels=counting.labels,
        issues=len(set(encoded.issue_ids)),
        with_history=counting.with_history,
        with_outcomes=len(set(encoded.outcomes.example.tolist())),
        positions=len(encoded.positions) / max(len(encoded), 1),
        agreement=near_duplicate_agreement(encoded),
    )
