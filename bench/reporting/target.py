"""The contract of a target: a source of issues that takes results."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bench.reporting.result import RunResult


@dataclass(frozen=True, slots=True)
class WriteStep:
    """One prepared write of a result."""

    preview: tuple[str, ...]
    """Exactly what is written: the lines of a unified diff, or command lines."""
    document: dict[str, Any]
    """The stored issue as an import reads it after the write."""
    apply: Callable[[], None]
    """Writes; raises `ReportError` where it fails."""


class WriteTarget(Protocol):
    """A source that takes the result of a run, at least once and idempotently."""

    name: str
    """For people, such as the path of a file."""

    def prepare(self, result: RunResult) -> WriteStep | None:
        """Look up the issue, and prepare what is to be written; writes nothing.

        Returns None where the source has this result already, or needs none because the issue is closed.

        Raises `ReportError` where the source cannot be read; `NoTargetError` where it does not have the issue.
        """
