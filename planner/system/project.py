"""Discovery of the project around a directory, upward as Git finds `.git`: its config and its state directory."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from planner.errors import PlannerError
from planner.system.regular_files import MIB, read_regular

STATE_DIRECTORY: Final = ".bench"
HOME_VARIABLE: Final = "BENCH_HOME"
CONFIG_NAMES: Final = ("bench.yaml", "bench.yml", ".bench/config.yaml")
_PYPROJECT: Final = "pyproject.toml"
# Spares every other project's file the parser.
_MAY_NAME_A_CONFIG: Final = re.compile(
    rb"""tool["']?\s*\.\s*["']?bench\b|^\s*\[\s*["']?tool["']?\s*\]""", re.MULTILINE
)


@dataclass(frozen=True)
class Project:
    """A directory that holds `.bench/`, a config or a `pyproject.toml` with `[tool.bench]`."""

    directory: Path
    config: Path | None = None
    named_by: Path | None = None
    """The `pyproject.toml` that names the config; None where it has its usual name. The file need not exist."""


@dataclass(frozen=True)
class ProjectSearch:
    """The nearest project, and what of other users was passed over on the way."""

    project: Project | None
    passed_over: tuple[Path, ...] = ()

    def state(self, start: Path) -> Path:
        """The state directory of the project; of `start`, where none was found."""
        return (start.resolve() if self.project is None else self.project.directory) / STATE_DIRECTORY


def find_project(start: Path) -> ProjectSearch:
    """The project of `start`: the nearest directory, from there upward, that is one.

    The search ends at the boundary of the file system, and at the work directory of a farm: what a candidate's program
    runs in a check-out there is not to find the farm that judges it. Above `start` only what belongs to this user
    counts: a config names programs to run, and anybody may leave one in `/tmp`. `PlannerError` where a `[tool.bench]`
    makes no sense.
    """
    start = start.resolve()
    passed_over: list[Path] = []
    for directory in (start, *start.parents):
        if not _same_device(directory, start) or _is_workplace(directory):
            break
        marks = [directory / STATE_DIRECTORY] if (directory / STATE_DIRECTORY).is_dir() else []
        config, named_by = _config_in(directory)
        mark_of_config = named_by or config
        marks += [] if mark_of_config is None else [mark_of_config]
        if directory != start:
            foreign = [mark for mark in marks if not _is_own(mark)]
            passed_over += foreign
            marks = [mark for mark in marks if mark not in foreign]
            if mark_of_config in foreign:
                config = named_by = None
        if marks:
            return ProjectSearch(Project(directory, config, named_by), tuple(passed_over))
    return ProjectSearch(None, tuple(passed_over))


def state_directory(start: Path, environment: Mapping[str, str]) -> Path:
    """Where the state of the farm of `start` is or would be: what BENCH_HOME names, else `.bench` of the project."""
    home = environment.get(HOME_VARIABLE)
    return (start / home).resolve() if home else find_project(start).state(start)


def _config_in(directory: Path) -> tuple[Path | None, Path | None]:
    """The config of a directory, and the `pyproject.toml` that names it, which comes first."""
    pyproject = directory / _PYPROJECT
    name = _name_in(pyproject)
    if name is not None:
        return directory / name, pyproject
    return next((directory / each for each in CONFIG_NAMES if (directory / each).is_file()), None), None


def _name_in(pyproject: Path) -> str | None:
    """`tool.bench.config`; None where there is no such table, or no file that can be read."""
    if not pyproject.is_file():
        return None
    content = b""
    with suppress(OSError):
        content = read_regular(pyproject, MIB)
    if not _MAY_NAME_A_CONFIG.search(content):
        return None
    import tomllib  # here, for most commands need none

    try:
        tool = tomllib.loads(content.decode()).get("tool")
    except ValueError as error:
        raise PlannerError(f"{pyproject}: not TOML: {error}") from error
    table = tool.get("bench") if isinstance(tool, dict) else None
    return None if table is None else _config_of(table, pyproject)


def _config_of(table: Any, pyproject: Path) -> str:
    where = f"{pyproject}: tool.bench"
    if not isinstance(table, dict) or set(table) - {"config"}:
        unknown = ", ".join(sorted(set(table) - {"config"})) if isinstance(table, dict) else repr(table)
        raise PlannerError(
            f'{where}: {unknown:.80} is unknown; it holds one key, such as config = "bench.yaml"'
        )
    name = table.get("config")
    if not isinstance(name, str) or not name or "\0" in name:
        raise PlannerError(f'{where}: name the config, such as config = "bench.yaml"')
    return name


def _is_workplace(directory: Path) -> bool:
    return directory.name == "work" and directory.parent.name == STATE_DIRECTORY


def _same_device(directory: Path, start: Path) -> bool:
    try:
        return directory.stat().st_dev == start.stat().st_dev
    except OSError:
        return False


def _is_own(path: Path) -> bool:
    """Whether it, and what a link there leads to, belongs to this user."""
    try:
        return path.lstat().st_uid == path.stat().st_uid == os.geteuid()
    except OSError:
        return False
