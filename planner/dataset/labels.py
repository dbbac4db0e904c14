"""Reader of labels that `bench labels` wrote: JSON lines, Parquet of outcomes, or parts of an incremental export."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from planner.dataset.epochs import epoch_of
from planner.dataset.outcome_columns import OUTCOMES_FILE, PARTS, PARTS_DIRECTORY
from planner.dataset.outcome_labels import parquet_labels
from planner.dataset.read import parse_json
from planner.documents.base import parse_document
from planner.documents.bench import BestOfKExample
from planner.documents.planner_input import input_hash
from planner.errors import PlannerError

Json = dict[str, Any]
LABELS_FILE: Final = "best_of_k_dataset.jsonl"
HEADER_FILE: Final = "best_of_k_dataset.header.json"


class BenchLabel(NamedTuple):
    """A label with its position for messages."""

    where: str
    document: Json
    input_hash: str

    @property
    def epoch(self) -> str:
        """The policy epoch of its bench; labels of older versions have that of the whole config."""
        metadata = self.document["bench_metadata"]
        epoch: str | None = metadata.get("epoch")
        return epoch or epoch_of({"kernel_config_hash": metadata["bench_config_hash"]})

    @property
    def repo(self) -> str | None:
        """The repository of its issue; None in labels of older versions."""
        repo: str | None = self.document["bench_metadata"].get("repo")
        return repo

    @property
    def toolchain_versions(self) -> dict[str, list[str]]:
        """The known versions of the toolchains that worked on it, by name."""
        return self.document["bench_metadata"].get("toolchain_versions") or {}


def label_files(paths: Sequence[Path]) -> list[Path]:
    """The files of labels that `paths` name: each is a directory of an export, or a file.

    Of a directory the JSON lines are read where it has them, else the Parquet of outcomes or its parts. Raises
    `PlannerError` where there are no labels, or a file is not the one that its header describes.
    """
    return [file for path in paths for file in _files(path)]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        files = [path] if path.is_file() else []
    elif (path / LABELS_FILE).is_file():
        files = [path / LABELS_FILE]
    elif (path / OUTCOMES_FILE).is_file():
        files = [path / OUTCOMES_FILE]
    else:
        files = sorted((path / PARTS_DIRECTORY).glob(PARTS)) or sorted(path.glob(PARTS))
    if not files:
        raise PlannerError(f"{path}: there are no labels; bench labels export writes {LABELS_FILE}")
    for file in files:
        _check_digest(file)
    return files


def _check_digest(file: Path) -> None:
    header = file.with_name(HEADER_FILE)
    if file.suffix == ".parquet" or not header.is_file():
        return
    stated = parse_json(header.read_text(encoding="utf-8"), str(header)).get("sha256")
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if stated != digest:
        raise PlannerError(f"{file} is not the file that {HEADER_FILE} describes; export the labels again")


def read_labels(files: Sequence[Path], left_out: Counter[str] | None = None) -> Iterator[BenchLabel]:
    """Stream the labels of `files`; cases without a winner are left out, and counted by file in `left_out`.

    Raises `PlannerError` that names the line or case of an invalid label.
    """
    for file in files:
        for where, document in _documents(file):
            if document is None:
                if left_out is not None:
                    left_out[str(file)] += 1
                continue
            parse_document(BestOfKExample, document, where)
            yield BenchLabel(where, document, input_hash(document["planner_input"]))


def _documents(file: Path) -> Iterator[tuple[str, Json | None]]:
    if file.suffix == ".parquet":
        yield from parquet_labels(file)
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{file}:{number}"
            yield where, parse_json(line, where)
