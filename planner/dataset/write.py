"""Atomic and deterministic dataset writer: the same examples give the same bytes."""

import hashlib
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from planner.canonical import canonical_json
from planner.dataset.read import EXAMPLES_FILE, META_FILE, check_example
from planner.dataset.splits import SPLITS, assign_splits
from planner.dataset.spool import Spool
from planner.documents.base import parse_document
from planner.documents.dataset import DatasetMeta
from planner.errors import PlannerError
from planner.system.progress import ProgressReporter, no_progress

Json = dict[str, Any]
SplitBy = Literal["time", "repository"]
SKIPPED_FILE: Final = "skipped.txt"
_OURS: Final = frozenset({EXAMPLES_FILE, META_FILE, SKIPPED_FILE})


class _Key(NamedTuple):
    """Sort key of a spooled example; its order is the order of the file."""

    started_ms: int
    run_id: str
    group: str
    offset: int


class DatasetDraft:
    """An unfinished dataset, in a hidden directory next to its target; see `drafting`."""

    def __init__(self, directory: Path, spool: Spool, split_by: SplitBy) -> None:
        self.directory = directory
        self._spool = spool
        self._split_by = split_by
        self._keys: list[_Key] = []

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, example: Json, where: str) -> None:
        """Spool one example, in any order; `finish` assigns its split.

        Raises `PlannerError` that begins with `where` for an invalid example.
        """
        check_example({**example, "split": SPLITS[0]}, where)
        offset = self._spool.add(canonical_json(example))
        issue_id: str = example["planner_input"]["issue"]["issue_id"]
        group = example.get("repo") or "" if self._split_by == "repository" else issue_id
        self._keys.append(_Key(example["started_ms"], example["run_id"], sys.intern(group), offset))

    def finish(self, meta: Mapping[str, Any], progress: ProgressReporter = no_progress) -> DatasetMeta:
        """Assign the splits, write the two files and return the meta; `meta` has what the examples do not imply.

        Raises `PlannerError` where there are no examples, two share a run id, or there are fewer repositories than
        splits by them.
        """
        if not self._keys:
            raise PlannerError("there is no example to write; nothing was written")
        self._keys.sort()
        self._refuse_doubles()
        groups = [key.group for key in self._keys]
        if self._split_by == "repository":
            _refuse_empty_splits(groups)
        splits = assign_splits(groups)
        hashed = hashlib.sha256()
        with (self.directory / EXAMPLES_FILE).open("wb") as file:
            pairs = zip(splits, self._keys, strict=True)
            for split, key in progress(pairs, "writing examples", len(self)):
                line = canonical_json({**self._spool.read(key.offset), "split": split}).encode() + b"\n"
                hashed.update(line)
                file.write(line)
        counts = Counter(splits)
        return self._write_meta(
            {
                **meta,
                "schema_version": "cyntra.planner_dataset.v1",
                "dataset_hash": hashed.hexdigest(),
                "example_count": len(self),
                "split_counts": {split: counts[split] for split in SPLITS},
                "split_by": self._split_by,
            }
        )

    def _refuse_doubles(self) -> None:
        names = Counter(key.run_id for key in self._keys)
        double = next((name for name, count in names.items() if count > 1), None)
        if double is not None:
            raise PlannerError(f"two examples have the run id {double}; nothing was written")

    def _write_meta(self, document: Json) -> DatasetMeta:
        meta = parse_document(DatasetMeta, document, META_FILE)
        (self.directory / META_FILE).write_text(canonical_json(document) + "\n", encoding="utf-8")
        return meta


def _refuse_empty_splits(groups: Sequence[str]) -> None:
    repositories = list(dict.fromkeys(groups))
    if len(repositories) >= len(SPLITS):
        return
    named = ", ".join(repository or "unknown" for repository in repositories)
    older = "; labels of older exports name none: export them again" if "" in repositories else ""
    raise PlannerError(
        f"a split by repository needs examples of {len(SPLITS)} repositories, and these are of {len(repositories)} "
        f"({named}): add archives or labels of others, or split by time{older}"
    )


@contextmanager
def drafting(target: Path, split_by: SplitBy) -> Iterator[DatasetDraft]:
    """Atomic directory write: the draft becomes `target` if the block succeeds, and is removed otherwise.

    `target` must be new, empty, or a dataset, which is replaced. Raises `PlannerError` for anything else before the
    block runs, and an `OSError` that names `target`, for example on a full disk.
    """
    _refuse_what_is_not_ours(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        home = Path(tempfile.mkdtemp(prefix=f".{target.name}.draft-", dir=target.parent))
    except OSError as error:
        raise _named(error, target) from error
    try:
        home.chmod(0o755)
        with Spool(home) as spool:
            yield DatasetDraft(home, spool, split_by)
        move_into_place(home, target)
    except OSError as error:
        raise _named(error, target) from error
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _named(error: OSError, target: Path) -> OSError:
    # A failed write names no file, or a draft that the user does not know.
    return OSError(error.errno, f"{error.strerror or error}; nothing was written", str(target))


def _refuse_what_is_not_ours(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        foreign = sorted(entry.name for entry in target.iterdir() if entry.name not in _OURS)
        if foreign:
            raise PlannerError(f"{target} holds other things ({foreign[0]}); name a new directory")
    elif target.exists() or target.is_symlink():
        raise PlannerError(f"{target} is not a directory of its own; name a new one")


def move_into_place(directory: Path, target: Path) -> None:
    """Replace `target` by `directory`; both must be on one file system.

    Raises `PlannerError` where `target` holds other files than a dataset.
    """
    _refuse_what_is_not_ours(target)
    old = directory.with_name(f"{directory.name}-old")
    if target.exists():
        target.rename(old)
    directory.rename(target)
    shutil.rmtree(old, ignore_errors=True)
