"""Merge of bench winners into a dataset: a label replaces the executed plan of the same input."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from planner.canonical import sha256_json
from planner.dataset.epochs import ToolchainVersions, common_epoch
from planner.dataset.labels import BenchLabel, label_files, read_labels
from planner.dataset.read import Dataset, read_dataset
from planner.dataset.write import DatasetDraft, SplitBy, drafting
from planner.documents.dataset import DatasetMeta
from planner.errors import PlannerError
from planner.system.progress import ProgressReporter, no_progress

Json = dict[str, Any]
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class MergeOptions:
    """Inputs of a merge."""

    labels: Sequence[Path]
    """Directories that `bench labels export` or `watch` wrote, or files of labels, JSON lines or Parquet."""
    base: Path | None = None
    mix_epochs: bool = False
    split_by: SplitBy = "time"


@dataclass
class MergeReport:
    """Counts of a merge."""

    labels: int = 0
    doubles: int = 0
    """Identical labels in more than one file."""
    kept: int = 0
    """Examples of the base that were kept."""
    replaced: int = 0
    """Examples of the base that a label of the same input replaced."""
    without_winner: int = 0
    """Cases without a winner, which are no labels to imitate; JSON lines do not have them."""
    meta: DatasetMeta | None = None


@dataclass
class _LabelSurvey:
    """First pass over the labels: what must be known before the base is read."""

    labels: int = 0
    """Doubles included."""
    hashes: set[str] = field(default_factory=set)
    epochs: set[str | None] = field(default_factory=set)
    universes: set[str | None] = field(default_factory=set)
    versions: ToolchainVersions = field(default_factory=ToolchainVersions)
    repos: dict[str, str | None] = field(default_factory=dict)
    """Repositories by input hash, from replaced examples of the base: labels of older versions do not have them."""


def merge_best_of_k(
    target: Path, options: MergeOptions, progress: ProgressReporter = no_progress
) -> MergeReport:
    """Atomic write of a dataset of the labels and of the examples of the base that they do not replace.

    Splits are assigned again over all examples. Returns the counts of the merge. Raises `PlannerError` that names the
    line of an invalid label, and where labels and base are of several policy epochs, or of several versions of a
    toolchain, without `mix_epochs`; then nothing is written.
    """
    files = label_files(options.labels)
    base = read_dataset(options.base) if options.base else None
    report = MergeReport()
    seen = _survey(files, report, progress)
    if base is not None:
        seen.epochs.add(base.meta.epoch)
        seen.universes.add(base.meta.universe_id)
        seen.versions.add(base.meta.toolchain_versions or {})
    same_versions = seen.versions.check(options.mix_epochs)
    epoch = common_epoch(seen.epochs, options.mix_epochs)
    with drafting(target, options.split_by) as draft:
        if base is not None:
            _keep_base(draft, base, seen, report, progress)
        _add_labels(draft, progress(read_labels(files), "adding labels", seen.labels), seen, report)
        report.meta = draft.finish(
            {
                "n_similar_runs": base.meta.n_similar_runs if base else _longest_history(files),
                "universe_id": next(iter(seen.universes)) if len(seen.universes) == 1 else None,
                "include_world": base.meta.include_world if base else True,
                "epoch": epoch if same_versions else None,
                **seen.versions.document(),
            },
            progress,
        )
    return report


def _survey(files: Sequence[Path], report: MergeReport, progress: ProgressReporter) -> _LabelSurvey:
    seen, left_out = _LabelSurvey(), Counter[str]()
    for label in progress(read_labels(files, left_out), "reading labels"):
        seen.labels += 1
        seen.hashes.add(label.input_hash)
        seen.universes.add(label.document["planner_input"]["universe_id"])
        seen.epochs.add(label.epoch)
        seen.versions.add(label.toolchain_versions)
    report.without_winner = left_out.total()
    if not seen.hashes:
        raise PlannerError(f"{files[0]}: there are no labels in it; no case of the bench has a winner yet")
    return seen


def _longest_history(files: Sequence[Path]) -> int:
    inputs = (label.document["planner_input"] for label in read_labels(files))
    return max(len(asked["history"]["last_n_similar_runs"]) for asked in inputs)


def _keep_base(
    draft: DatasetDraft, base: Dataset, seen: _LabelSurvey, report: MergeReport, progress: ProgressReporter
) -> None:
    for example in progress(base.examples(), "reading the base", base.meta.example_count):
        if example["input_hash"] in seen.hashes:
            seen.repos[example["input_hash"]] = example.get("repo")
            report.replaced += 1
        else:
            draft.add(example, f"{base.directory}: run {example['run_id']}")
            report.kept += 1


def _add_labels(
    draft: DatasetDraft, labels: Iterable[BenchLabel], seen: _LabelSurvey, report: MergeReport
) -> None:
    added: dict[str, str] = {}
    for label in labels:
        run_id, digest = label.document["run_id"], _digest(label.document)
        known_digest = added.get(run_id)
        if known_digest is None:
            added[run_id] = digest
            draft.add(_example(label, label.repo or seen.repos.get(label.input_hash)), label.where)
            report.labels += 1
        elif known_digest == digest:
            report.doubles += 1
        else:
            raise PlannerError(
                f"{label.where}: another file labels {run_id} otherwise; merge the latest export of a bench only"
            )


def _digest(document: Json) -> str:
    """Digest of a label without its repository, which older exports lack, and the statistics of its winner, of which
    Parquet has fewer than JSON.
    """
    metadata = {key: value for key, value in document["bench_metadata"].items() if key != "repo"}
    selection = {key: metadata["winner_selection"].get(key) for key in ("primary_objective", "soft_label")}
    return sha256_json({**document, "bench_metadata": {**metadata, "winner_selection": selection}})


def _example(label: BenchLabel, repo: str | None) -> Json:
    document = label.document
    asked = datetime.fromisoformat(document["planner_input"]["created_at"])
    soft = document["bench_metadata"]["winner_selection"].get("soft_label")
    return {
        "run_id": document["run_id"],
        "started_ms": (asked - _START) // timedelta(milliseconds=1),
        "planner_input": document["planner_input"],
        "label_action": document["label_action"],
        "input_hash": label.input_hash,
        "source": "best_of_k",
        "repo": repo,
        **({"soft_label": soft} if soft else {}),
        "candidates": document["candidates"],
    }
