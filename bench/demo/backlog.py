"""The demo backlog: issues of the `depot` package, and the bug that each of them reports."""

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from bench.demo.errors import DemoError
from planner.documents.base import Priority, Risk, Size
from workers.spec import Strict

_DATA = "corpus_data"
_OPENED = datetime(2026, 9, 1, 8, tzinfo=UTC)
_TOKENS = {"XS": 2_000, "S": 5_000, "M": 12_000, "L": 30_000, "XL": 80_000}


class SeededEdit(Strict):
    """One edit of a seeded bug: the only occurrence of `right` in `file` is replaced by `wrong`."""

    file: str
    right: Annotated[str, Field(min_length=1)]
    wrong: str


class DemoIssue(Strict):
    """One issue of the demo backlog; without a `bug` it is imported but never benched."""

    id: Annotated[str, Field(pattern=r"^dep-\d{3}$")]
    title: str
    description: str
    status: Literal["open", "ready", "closed", "escalated"] = "open"
    created: str | None = None
    updated: str | None = None
    priority: Priority
    risk: Risk
    size: Size
    attempts: int = 0
    tags: tuple[str, ...]
    acceptance_criteria: tuple[str, ...] = ()
    context_files: tuple[str, ...] = ()
    gate: str | None = None
    timeout_seconds: float = 60
    bug: tuple[SeededEdit, ...] = ()

    @property
    def branch(self) -> str:
        """The branch whose tip is the commit that the issue was reported against."""
        return f"issue-{self.id}"

    def workcell(self, base: str) -> dict[str, Any]:
        """Overrides of the bench config: the commit with the bug and the gate that fails on it."""
        command = ["python", "-m", "pytest", "-q", self.gate]
        gate = {"name": "test", "command": command, "required": True, "junit": True}
        return {"base": base, "gates": [{**gate, "timeout_seconds": self.timeout_seconds}]}

    def row(self, base: str | None) -> dict[str, Any]:
        """The issue as a line of `.beads/issues.jsonl`, Cyntra dialect."""
        opened = _OPENED + timedelta(hours=7 * int(self.id[-3:]))
        created = self.created or f"{opened:%Y-%m-%dT%H:%M:%SZ}"
        row: dict[str, Any] = {
            "id": self.id,
            "title": self.title,
            "description": self.description.strip(),
            "status": self.status,
            "created": created,
            "updated": self.updated or created,
            "tags": self.tags,
            "dk_priority": self.priority,
            "dk_risk": self.risk,
            "dk_size": self.size,
            "dk_tool_hint": None,
            "dk_attempts": self.attempts,
            "dk_speculate": False,
            "dk_parent": None,
            "acceptance_criteria": self.acceptance_criteria,
            "forbidden_paths": [],
            "context_files": self.context_files,
            "dk_estimated_tokens": _TOKENS[self.size],
        }
        return row if base is None else {**row, "workcell": self.workcell(base)}


@cache
def backlog() -> tuple[DemoIssue, ...]:
    """All demo issues, ordered by id."""
    text = files("bench.demo").joinpath(_DATA, "issues.yaml").read_text("utf-8")
    return tuple(DemoIssue.model_validate(raw) for raw in yaml.safe_load(text))


@cache
def released_tree() -> dict[str, str]:
    """The correct package: text by POSIX path, sorted. Every test passes on it."""
    tree: dict[str, str] = {".gitignore": "__pycache__/\n*.pyc\n.pytest_cache/\n"}
    _collect(files("bench.demo").joinpath(_DATA, "repo"), "", tree)
    return dict(sorted(tree.items()))


def _collect(folder: Traversable, prefix: str, tree: dict[str, str]) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__" and not entry.name.startswith("."):
            _collect(entry, f"{prefix}{entry.name}/", tree)
        elif entry.name.endswith((".py", ".md", ".toml")):
            tree[prefix + entry.name] = entry.read_text("utf-8")


def broken_files(issue: DemoIssue) -> dict[str, str]:
    """Text by path of the files with the issue's seeded bug.

    Raises: `DemoError` where the text of an edit does not occur exactly once.
    """
    tree = released_tree()
    changed: dict[str, str] = {}
    for change in issue.bug:
        text = changed.get(change.file, tree.get(change.file, ""))
        times = text.count(change.right)
        if times != 1:
            raise DemoError(
                f"demo issue {issue.id}: {change.right.strip()[:50]!r} occurs {times} times in "
                f"{change.file}, not once; reinstall the package"
            )
        changed[change.file] = text.replace(change.right, change.wrong)
    return changed
