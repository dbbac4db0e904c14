"""Dataset reader with integrity checks: a directory whose digest does not match its `meta.json` is refused."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from planner.actions import Action, JobType, is_valid
from planner.documents.base import one_line, parse_document
from planner.documents.dataset import DatasetExample, DatasetMeta, Split
from planner.errors import PlannerError
from planner.system.regular_files import MIB, open_regular, read_regular

Json = dict[str, Any]
EXAMPLES_FILE: Final = "dataset.jsonl"
META_FILE: Final = "meta.json"
_LARGEST_META: Final = 16 * MIB


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset on disk whose digest was verified."""

    directory: Path
    meta: DatasetMeta

    def examples(self, split: Split | None = None) -> Iterator[Json]:
        """Stream the examples of one split, or all, in the order of the file, as plain documents.

        Raises `PlannerError` that names the line where the next example is invalid.
        """
        path = self.directory / EXAMPLES_FILE
        with open_regular(path) as lines:
            for number, line in enumerate(lines, start=1):
                document = parse_json(_decoded(line, f"{path}:{number}"), f"{path}:{number}")
                if split is None or document.get("split") == split:
                    check_example(document, f"{path}:{number}")
                    yield document


def read_dataset(directory: Path, epoch: str | None = None) -> Dataset:
    """Open the dataset in `directory` and verify its digest.

    Raises `PlannerError` where it is none, its version is unknown, its bytes are not those of its hash, it has no
    examples, or, where `epoch` is given, it belongs to another policy epoch.
    """
    meta = read_meta(directory)
    try:
        with open_regular(directory / EXAMPLES_FILE) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise PlannerError(f"{directory}: {EXAMPLES_FILE} is missing; build the dataset again") from None
    except OSError as error:
        raise PlannerError(
            f"{directory / EXAMPLES_FILE}: {error.strerror}; build the dataset again"
        ) from None
    if digest != meta.dataset_hash:
        raise PlannerError(
            f"{directory}: {EXAMPLES_FILE} is not the file that {META_FILE} describes "
            f"(hash {digest[:12]}…, not {meta.dataset_hash[:12]}…); build the dataset again"
        )
    if not meta.example_count:
        raise PlannerError(f"{directory}: the dataset has no examples; build it from more archives or labels")
    if epoch is not None and meta.epoch != epoch:
        raise PlannerError(
            f"{directory}: the dataset is of policy epoch {meta.epoch or 'mixed'}, not {epoch}; "
            "build one of this epoch"
        )
    return Dataset(directory, meta)


def read_meta(directory: Path) -> DatasetMeta:
    """Parse `meta.json` of the dataset in `directory`. Raises `PlannerError` where it is missing or invalid."""
    path = directory / META_FILE
    try:
        text = read_regular(path, _LARGEST_META).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise PlannerError(
            f"{directory} is no dataset: {META_FILE} is missing; planner build-dataset makes one"
        ) from None
    except OSError as error:
        raise PlannerError(f"{path}: {error.strerror}; build the dataset again") from None
    except UnicodeDecodeError:
        raise PlannerError(f"{path}: not UTF-8 text; build the dataset again") from None
    return parse_document(DatasetMeta, parse_json(text, str(path)), str(path))


def _decoded(line: bytes, where: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise PlannerError(f"{where}: not UTF-8 text; build the dataset again") from None


def parse_json(text: str, where: str) -> Json:
    """Parse a JSON object. Raises `PlannerError` of one line that begins with `where` for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlannerError(f"{where}: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise PlannerError(f"{where}: a JSON object is needed, not {type(document).__name__}")
    return document


def check_example(document: Json, where: str) -> None:
    """Validate an example and its actions. Raises `PlannerError` of one line that begins with `where`."""
    try:
        example = DatasetExample.model_validate(document)
    except ValidationError as error:
        raise PlannerError(f"{where}: {one_line(error)}") from None
    job_type = example.planner_input.job_type
    _check_action(example.label_action.action(), job_type, f"{where}: label_action")
    for target in example.soft_label or ():
        _check_action(action_of(target.action), job_type, f"{where}: soft_label")
    for candidate in example.candidates or ():
        _check_action(action_of(candidate.action), job_type, f"{where}: candidates")
    if example.soft_label is not None:
        total = sum(target.weight for target in example.soft_label)
        if not isclose(total, 1, abs_tol=1e-6):
            raise PlannerError(f"{where}: soft_label: the weights sum to {total:g}, not 1")


def action_of(items: list[Any]) -> Action:
    """The action of four JSON items: swarm, candidates, minutes, iterations."""
    return Action(*items)


def _check_action(action: Action, job_type: JobType, where: str) -> None:
    if not is_valid(action, job_type):
        raise PlannerError(f"{where}: {list(action)} is outside the action space of {job_type}")
