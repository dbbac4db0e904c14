"""Write-back to a Beads database by its program `bd`, which keeps the issues in no file from version 0.56."""

import json
import shlex
import shutil
from pathlib import Path
from typing import Any, Final

from bench.intake.beads_issue import make_issue
from bench.intake.fields import Fields
from bench.intake.issue import Issue
from bench.reporting.beads_records import stored_after
from bench.reporting.errors import ReportError
from bench.reporting.programs import checked_id, run_program
from bench.reporting.result import RunResult
from bench.reporting.target import WriteStep
from bench.reporting.text import note, note_marker, summary
from planner.system.foreign_text import visible_line

Json = dict[str, Any]
PROGRAM: Final = "bd"
DIRECTORY: Final = ".beads"
_DATABASES: Final = ("embeddeddolt", "dolt", "*.db")


def database_root(start: Path) -> Path | None:
    """The closest directory from `start` upward whose `.beads` holds a database; None where there is none."""
    return next((each for each in (start, *start.parents) if has_database(each / DIRECTORY)), None)


def has_database(directory: Path) -> bool:
    """Whether a directory `.beads` holds a database of `bd`."""
    return any(next(directory.glob(pattern), None) is not None for pattern in _DATABASES)


def is_installed() -> bool:
    """Whether `bd` is on PATH."""
    return shutil.which(PROGRAM) is not None


class BdDatabase:
    """A Beads database as a target."""

    def __init__(self, root: Path, stored: Json) -> None:
        """`root` is the directory that `.beads` is in; `stored` is the issue's stored document."""
        self.name = f"bd in {root}"
        self._root, self._stored = root, stored

    def prepare(self, result: RunResult) -> WriteStep | None:
        """The commands that are still to be run, by what `bd show` has of the issue."""
        issue_id = checked_id(result.issue_id)
        issue = make_issue(issue_id, Fields(self._record(issue_id), lambda _text: None))
        if issue.is_closed:
            return None
        commands = []
        if note_marker(result) not in issue.notes:
            commands.append([PROGRAM, "update", issue_id, f"--append-notes={note(result)}"])
        if result.result == "solved":
            commands.append([PROGRAM, "close", issue_id, f"--reason={summary(result)}"])
        if not commands:
            return None
        return WriteStep(
            tuple(visible_line(shlex.join(command)) for command in commands),
            stored_after(self._stored, _after(issue, result)),
            lambda: self._run_all(commands),
        )

    def _record(self, issue_id: str) -> Json:
        output = run_program([PROGRAM, "show", issue_id, "--json"], self._root)
        try:
            value = json.loads(output)
        except (ValueError, RecursionError) as error:
            raise ReportError(f"bd show {issue_id} --json: not JSON: {error}") from error
        records = value if isinstance(value, list) else [value]
        for record in records:
            if isinstance(record, dict) and str(record.get("id")) == issue_id:
                return record
        raise ReportError(f"bd show {issue_id} --json: no such issue in its output")

    def _run_all(self, commands: list[list[str]]) -> None:
        for command in commands:
            run_program(command, self._root)


def _after(issue: Issue, result: RunResult) -> Issue:
    """The issue as `bd export` writes it after the commands, but for the times, which `bd` sets."""
    changes: Json = {}
    if note_marker(result) not in issue.notes:
        changes["notes"] = f"{issue.notes}\n{note(result)}" if issue.notes else note(result)
    if result.result == "solved":
        changes |= {"status": "closed", "extra": {**issue.extra, "close_reason": summary(result)}}
    return issue.model_copy(update=changes)
