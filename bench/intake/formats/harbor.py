"""Harbor tasks: directories with `task.toml` and `instruction.md`, next to `environment/` and `tests/`.

A task brings an image and a verifier in place of a repository and gates: what has no counterpart is reported, and kept
in the issue's `extra` as far as it is short. Verifier and solution are never read: no candidate is to see them.
"""

import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from bench.intake.beads import ImportReport
from bench.intake.beads_issue import make_issue, usable_id
from bench.intake.errors import IntakeError
from bench.intake.fields import Fields, cleaned
from bench.intake.formats.base import Json, NoIssueError, at, only_given, text_at, texts_at
from bench.intake.issue import Issue
from bench.intake.mistakes import warn_of_mistakes
from planner.system.regular_files import MIB, read_regular
from workers.spec import Workcell

TASK_FILE: Final = "task.toml"
_INSTRUCTION: Final = "instruction.md"
_SIZES: Final = {"easy": "S", "medium": "M", "hard": "L"}
_DEEPEST: Final = 3
_MOST_DIRECTORIES: Final = 20_000
_MINUTES: Final = ("expert_time_estimate_min", "estimated_minutes")


def is_harbor(directory: Path) -> bool:
    """Whether there is a task at or below a directory."""
    return directory.is_dir() and next(_task_directories(directory), None) is not None


def read_harbor(directory: Path) -> ImportReport:
    """Parse the tasks at and below a directory as issues; a bad task is reported and left out.

    Raises: `IntakeError` where there is no task.
    """
    report = ImportReport(str(directory))
    by_id: dict[str, Issue] = {}
    number = 0
    for number, task in enumerate(_task_directories(directory), start=1):
        _take(task, task.relative_to(directory), number, by_id, report)
    if number == 0:
        raise IntakeError(f"{directory}: no Harbor task in it; a task is a directory with {TASK_FILE}")
    report.issues = list(by_id.values())
    return report


def _task_directories(directory: Path, depth: int = 0) -> Iterator[Path]:
    """The directories with a task file, in order of their names; links are not followed."""
    if (directory / TASK_FILE).is_file():
        yield directory
        return
    if depth == _DEEPEST:
        return
    try:
        with os.scandir(directory) as listing:
            names = sorted(
                entry.name
                for _, entry in zip(range(_MOST_DIRECTORIES), listing, strict=False)
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            )
    except OSError as error:
        raise IntakeError(f"{directory}: {error.strerror}; name a directory that can be read") from error
    for name in names:
        yield from _task_directories(directory / name, depth + 1)


def _take(task: Path, name: Path, number: int, by_id: dict[str, Issue], report: ImportReport) -> None:
    try:
        record = _record(task, lambda text: report.warnings.append((number, text)))
        issue_id = usable_id(record)
    except ValueError as error:
        report.bad_lines.append((number, f"{name}: {error}"))
        report.has_unknown_ids = True
        return

    def warn(text: str) -> None:
        report.warnings.append((number, f"{issue_id}: {text}"))

    if issue_id in by_id:
        report.duplicates += 1
        warn(f"{name} has the id of another task; the last one is kept")
    warn_of_mistakes(record, warn)
    by_id[issue_id] = make_issue(issue_id, Fields(record, warn))


def _record(task: Path, warn: Callable[[str], None]) -> Json:
    config = _config(task)
    issue_id = text_at(config.get("task"), "name") or task.resolve().name
    instruction = _text(task / _INSTRUCTION)
    if instruction is None:
        raise NoIssueError(f"no {_INSTRUCTION}; tasks of several steps are not read")
    given = config.get("metadata")
    metadata: Json = given if isinstance(given, dict) else {}
    workcell, missing = _workcell(task, config)
    if missing:
        warn(
            f"{issue_id}: not run here: {', '.join(missing)}; the config's workcell has to bring repository and gates"
        )
    labels = [*texts_at(at(config, ("task", "keywords"))), *texts_at(at(metadata, ("tags",)))]
    category = text_at(metadata, "category")
    difficulty = (text_at(metadata, "difficulty") or "").lower()
    return only_given(
        {
            "id": issue_id,
            "title": text_at(config.get("task"), "description")
            or issue_id.rpartition("/")[2].replace("-", " "),
            "description": instruction,
            "labels": list(dict.fromkeys([*labels, *([category] if category else [])])),
            "estimated_minutes": next((metadata[key] for key in _MINUTES if metadata.get(key)), None),
            "dk_size": None if any(metadata.get(key) for key in _MINUTES) else _SIZES.get(difficulty),
            "workcell": workcell,
            "difficulty": difficulty,
            "agent_timeout_seconds": at(config, ("agent", "timeout_sec")),
            "verifier_timeout_seconds": at(config, ("verifier", "timeout_sec")),
            "environment": config.get("environment"),
        }
    )


def _config(task: Path) -> Json:
    text = _text(task / TASK_FILE)
    if text is None:
        raise NoIssueError(f"no {TASK_FILE} that can be read")
    try:
        # Times and dates of TOML become text.
        return {key: _plain(value) for key, value in tomllib.loads(text).items()}
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NoIssueError(f"{TASK_FILE}: {error}") from error


def _plain(value: Any, depth: int = 0) -> Any:
    if isinstance(value, dict):
        return {str(cleaned(key)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return cleaned(value) if isinstance(value, str | int | float) else str(value)


def _text(path: Path) -> str | None:
    """The text of a file; None where it is missing, a link, or larger than 1 MiB."""
    try:
        content = read_regular(path, MIB, links=False)
    except OSError:
        return None
    return str(cleaned(content.decode("utf-8-sig", "replace")))


def _workcell(task: Path, config: Json) -> tuple[Json, list[str]]:
    """The keys that a task sets of a workcell, and what of it has no counterpart."""
    image = text_at(config.get("environment"), "docker_image")
    takes_image = "image" in Workcell.model_fields
    missing = [f"image {image:.100}"] if image and not takes_image else []
    for name in ("environment", "tests"):
        count = _file_count(task / name)
        if count:
            missing.append(f"{name}/ ({count} file{'' if count == 1 else 's'})")
    return ({"image": image} if image and takes_image else {}), missing


def _file_count(directory: Path) -> int:
    counted = 0
    for _, _, files in os.walk(directory):
        counted += len(files)
        if counted > _MOST_DIRECTORIES:
            break
    return counted
