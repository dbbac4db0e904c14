"""Versioned datasets: one directory a policy epoch, and `latest`, a symbolic link to the newest."""

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final, Literal, NamedTuple

from planner.dataset.build import BuildOptions, BuildReport, build_dataset
from planner.dataset.read import EXAMPLES_FILE, Dataset, read_dataset, read_meta
from planner.dataset.write import move_into_place
from planner.errors import PlannerError
from planner.system.progress import ProgressReporter, no_progress

LATEST: Final = "latest"
_PREFIX: Final = "planner_dataset_v1_"
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Version(NamedTuple):
    """A version and what the build did to it."""

    directory: Path
    became: Literal["new", "replaced", "unchanged"]


def build_version(
    home: Path, options: BuildOptions, progress: ProgressReporter = no_progress
) -> tuple[Version, BuildReport]:
    """Build the version of the newest policy epoch below `home`, and point `latest` to it.

    A version is named by the UTC day on which its epoch began, with a suffix `_2`, `_3` where another epoch has that
    name. The build is idempotent: the same archives change nothing. More archives of an epoch replace its version
    atomically.

    Returns the version and the counts of the build. Raises `PlannerError` as `build_dataset`, and where `options`
    select another epoch or `latest` is not a link.
    """
    if options.epoch is not None or options.mix_epochs:
        raise PlannerError(
            "a version is of the newest policy epoch alone; for another one, or several, use --out"
        )
    latest = home / LATEST
    if latest.exists() and not latest.is_symlink():
        raise PlannerError(f"{latest} is not a link to a version; name another home")
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".version-", dir=home) as making:
        draft = Path(making) / "dataset"
        report = build_dataset(draft, replace(options, newest_epoch=True), progress)
        version = _place(home, read_dataset(draft))
        link = Path(making) / LATEST
        link.symlink_to(version.directory.name)
        link.replace(latest)
    return version, report


def _place(home: Path, made: Dataset) -> Version:
    """Rename the built dataset to its version's directory."""
    known = next((each for each in _versions(home) if _epoch(each) == made.meta.epoch), None)
    if known is not None and _holds(known, made):
        return Version(known, "unchanged")
    directory = known or _free_name(home, made)
    move_into_place(made.directory, directory)
    return Version(directory, "new" if known is None else "replaced")


def _versions(home: Path) -> Iterator[Path]:
    return (entry for entry in sorted(home.iterdir()) if entry.name.startswith(_PREFIX))


def _epoch(version: Path) -> str | None:
    try:
        return read_meta(version).epoch
    except PlannerError:
        return None


def _holds(version: Path, made: Dataset) -> bool:
    try:
        return read_dataset(version).meta == made.meta
    except PlannerError:
        return False


def _free_name(home: Path, made: Dataset) -> Path:
    with (made.directory / EXAMPLES_FILE).open(encoding="utf-8") as lines:
        first = json.loads(next(lines))
    day = f"{_START + timedelta(milliseconds=first['started_ms']):%Y%m%d}"
    names = (f"{_PREFIX}{day}{suffix}" for suffix in _suffixes())
    return next(home / name for name in names if not os.path.lexists(home / name))


def _suffixes() -> Iterator[str]:
    yield ""
    yield from (f"_{number}" for number in count(2))
