"""Summary lines for reports: which capability classes are paused because their provider fails."""

from collections.abc import Iterable
from typing import Any

from db.repositories.circuits import PausedClass
from planner.system.foreign_text import visible_line


def pause_lines(paused: Iterable[PausedClass]) -> list[str]:
    """A warning for each paused class, with its reason and the time of the next probe; empty where none is."""
    return [f"! paused: {pause_line(each)}" for each in paused]


def pause_line(paused: PausedClass) -> str:
    """Class, reason, next probe and number of waiting executions in one line."""
    probe = "a probe runs" if paused.probe_runs else f"next probe {paused.probe_at:%H:%M:%S} UTC"
    reason = visible_line(paused.reason) or "no message"
    return (
        f"class {paused.queue}, after {paused.failures} failures of its provider in a row ({reason});"
        f" {probe}; {paused.waiting} executions wait"
    )


def pause_documents(paused: Iterable[PausedClass]) -> list[dict[str, Any]]:
    """The paused classes as JSON objects."""
    return [each._asdict() for each in paused]
