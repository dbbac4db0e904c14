"""The texts of a report: a note, a reason for closing, and a comment in Markdown."""

from typing import Final

from bench.reporting.result import FinalResult, RunResult
from planner.system.foreign_text import markdown_code, markdown_text, visible_line

_MEANINGS: Final[dict[FinalResult, str]] = {
    "solved": "solved by",
    "not solved": "not solved after the last attempt, which was",
    "invalid": "not run, because its gates pass already, or cannot run, on the base commit; planned was",
    "needs a person": "a person is needed; it was run with",
}


def note_marker(result: RunResult) -> str:
    """The idempotency key as it begins a note."""
    return f"[bench {result.run_id}]"


def note(result: RunResult) -> str:
    """One line for the notes of an issue."""
    return f"{note_marker(result)} {summary(result)}"


def summary(result: RunResult) -> str:
    """The result with its evidence in one line."""
    parts = [f"{_MEANINGS[result.result]} {result.action}", *_details(result)]
    return visible_line("; ".join(parts))


def comment_marker(result: RunResult) -> str:
    """The idempotency key as an HTML comment, which GitHub does not show."""
    return f"<!-- bench run {result.run_id} -->"


def comment(result: RunResult) -> str:
    """A comment in Markdown; no markup of the evidence is active."""
    meaning = _MEANINGS[result.result]
    heading = f"bench: {meaning} {markdown_code(result.action)}"
    lines = [f"- {markdown_text(line)}" for line in _details(result)]
    return "\n".join([comment_marker(result), heading, "", *lines, ""])


def _details(result: RunResult) -> list[str]:
    execution = [] if result.execution_id is None else [f"execution x{result.execution_id}"]
    landed = [] if result.landed is None else [result.landed]
    return [*result.evidence, *execution, *landed]
