"""Merge of bench winners into a dataset: a label replaces the executed plan of the same input."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from planner.canonical import sha256_json
from planner.dataset.epochs import common_epoch, epoch_of
from planner.dataset.read import Dataset, parse_json, read_dataset
from planner.dataset.write import DatasetDraft, SplitBy, drafting
from planner.documents.base import parse_document
from planner.documents.bench import BestOfKExample
from planner.documents.dataset import DatasetMeta
from planner.documents.planner_input import input_hash
from planner.errors import PlannerError

Json = dict[str, Any]
LABELS_FILE: Final = "best_of_k_dataset.jsonl"
HEADER_FILE: Final = "best_of_k_dataset.header.json"
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class MergeOptions:
    """Inputs of a merge."""

    labels: Sequence[Path]
    """Directories that `bench labels export` wrote, or files of labels."""
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
    meta: DatasetMeta | None = None


class _Label(NamedTuple):
    where: str
    document: Json
    input_hash: str


@dataclass
class _LabelSurvey:
    """First pass over the labels: what must be known before the base is read."""

    hashes: set[str] = field(default_factory=set)
    epochs: set[str | None] = field(default_factory=set)
    universes: set[str | None] = field(default_factory=set)
    repos: dict[str, str | None] = field(default_factory=dict)
    """Repositories by input hash, from replaced examples of the base: labels do not have them."""


def merge_best_of_k(target: Path, options: MergeOptions) -> MergeReport:
    """Atomic write of a dataset of the labels and of the examples of the base that they do not replace.

    Splits are assigned again over all examples. Returns the counts of the merge. Raises `PlannerError` that names the
    line of an invalid label, and where labels and base are of several policy epochs without `mix_epochs`; then nothing
    is written.
    """
    files = [_labels_file(path) for path in options.labels]
    base = read_dataset(options.base) if options.base else None
    seen, report = _survey(files), MergeReport()
    if base is not None:
        seen.epochs.add(base.meta.epoch)
        seen.universes.add(base.meta.universe_id)
    epoch = common_epoch(seen.epochs, options.mix_epochs)
    with drafting(target, options.split_by) as draft:
        if base is not None:
            _keep_base(draft, base, seen, report)
        _add_labels(draft, files, seen, report)
        report.meta = draft.finish(
            {
                "n_similar_runs": base.meta.n_similar_runs if base else _longest_history(files),
                "universe_id": next(iter(seen.universes)) if len(seen.universes) == 1 else None,
                "include_world": base.meta.include_world if base else True,
                "epoch": epoch,
            }
        )
    return report


def _labels_file(path: Path) -> Path:
    file = path / LABELS_FILE if path.is_dir() else path
    if not file.is_file():
        raise PlannerError(f"{path}: there are no labels; bench labels export writes {LABELS_FILE}")
    header = file.with_name(HEADER_FILE)
    if header.is_file():
        stated = parse_json(header.read_text(encoding="utf-8"), str(header)).get("sha256")
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if stated != digest:
            raise PlannerError(
                f"{file} is not the file that {HEADER_FILE} describes; export the labels again"
            )
    return file


def _survey(files: Sequence[Path]) -> _LabelSurvey:
    seen = _LabelSurvey()
    for label in _labels(files):
        seen.hashes.add(label.input_hash)
        seen.universes.add(label.document["planner_input"]["universe_id"])
        # A bench is its own kernel: its config hash takes the place of the kernel's in a policy trace.
        config_hash = label.document["bench_metadata"]["bench_config_hash"]
        seen.epochs.add(epoch_of({"kernel_config_hash": config_hash}))
    if not seen.hashes:
        raise PlannerError(f"{files[0]}: there are no labels in it; no case of the bench has a winner yet")
    return seen


def _labels(files: Sequence[Path]) -> Iterator[_Label]:
    for file in files:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                where = f"{file}:{number}"
                document = parse_json(line, where)
                parse_document(BestOfKExample, document, where)
                yield _Label(where, document, input_hash(document["planner_input"]))


def _longest_history(files: Sequence[Path]) -> int:
    inputs = (label.document["planner_input"] for label in _labels(files))
    return max(len(asked["history"]["last_n_similar_runs"]) for asked in inputs)


def _keep_base(draft: DatasetDraft, base: Dataset, seen: _LabelSurvey, report: MergeReport) -> None:
    for example in base.examples():
        if example["input_hash"] in seen.hashes:
            seen.repos[example["input_hash"]] = example.get("repo")
            report.replaced += 1
        else:
            draft.add(example, f"{base.directory}: run {example['run_id']}")
            report.kept += 1


def _add_labels(draft: DatasetDraft, files: Sequence[Path], seen: _LabelSurvey, report: MergeReport) -> None:
    added: dict[str, str] = {}
    for label in _labels(files):
        run_id, digest = label.document["run_id"], sha256_json(label.document)
        known_digest = added.get(run_id)
        if known_digest is None:
            added[run_id] = digest
            draft.add(_example(label, seen.repos.get(label.input_hash)), label.where)
            report.labels += 1
        elif known_digest == digest:
            report.doubles += 1
        else:
            raise PlannerError(
                f"{label.where}: another file labels {run_id} otherwise; merge the latest export of a bench only"
            )


def _example(label: _Label, repo: str | None) -> Json:
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
