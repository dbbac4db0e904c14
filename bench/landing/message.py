"""Messages of landed commits and texts of pull requests. Pure."""

import textwrap
from dataclasses import dataclass
from typing import Final

from planner.system.foreign_text import markdown_code, markdown_text, visible_line

_SUBJECT: Final = 72
_WIDTH: Final = 76


@dataclass(frozen=True)
class CommitEvidence:
    """What is known of the execution whose patch is landed."""

    issue_id: str
    title: str
    bench_id: str
    execution_id: int
    action: str
    """The label of the action."""
    toolchain: str
    model: str | None
    gates: tuple[str, ...]
    """The gates that passed."""
    duration_ms: int
    micro_usd: int | None
    """None where the cost is not known."""

    @property
    def cost(self) -> str:
        """The cost in dollars."""
        return "unknown" if self.micro_usd is None else f"${self.micro_usd / 1_000_000:.4f}"


def subject_of(evidence: CommitEvidence) -> str:
    """The subject line: id and title of the issue, at most 72 characters."""
    issue_id = visible_line(evidence.issue_id)
    title = " ".join(visible_line(evidence.title).split())
    line = f"{issue_id}: {title}" if title else f"Solve {issue_id}"
    return line if len(line) <= _SUBJECT else line[: _SUBJECT - 1].rstrip() + "…"


def commit_message(evidence: CommitEvidence) -> str:
    """Subject, what solved the issue and how it was verified, and trailers for programs."""
    by = evidence.toolchain if evidence.model is None else f"{evidence.toolchain} with {evidence.model}"
    sentences = (
        f"Solved by {by}, action {evidence.action}, in {evidence.duration_ms / 1000:.1f} s at a cost of "
        f"{evidence.cost}. Gates passed: {', '.join(evidence.gates) or 'none'}."
    )
    trailers = {
        "Bench-Issue": evidence.issue_id,
        "Bench-Id": evidence.bench_id,
        "Bench-Execution": f"x{evidence.execution_id}",
        "Bench-Action": evidence.action,
        "Bench-Toolchain": evidence.toolchain,
        "Bench-Model": evidence.model,
    }
    lines = [f"{key}: {visible_line(value)}" for key, value in trailers.items() if value]
    body = textwrap.fill(visible_line(sentences), _WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n\n".join([subject_of(evidence), body, "\n".join(lines)]) + "\n"


def merge_message(issue_id: str, commit: str, into: str) -> str:
    """The message of a merge commit."""
    name = visible_line(issue_id)
    return f"Merge {name} into {visible_line(into)}\n\nBench-Issue: {name}\nBench-Commit: {commit}\n"


def pull_request_body(evidence: CommitEvidence) -> str:
    """The description of a pull request, as Markdown in which the issue's text is not active."""
    rows = {
        "issue": markdown_text(evidence.issue_id),
        "action": markdown_text(evidence.action),
        "toolchain": markdown_text(evidence.toolchain),
        "model": markdown_text(evidence.model or "not named"),
        "gates passed": ", ".join(map(markdown_code, evidence.gates)) or "none",
        "duration": f"{evidence.duration_ms / 1000:.1f} s",
        "cost": markdown_text(evidence.cost),
        "execution": f"x{evidence.execution_id} of {markdown_text(evidence.bench_id)}",
    }
    table = "".join(f"| {key} | {value} |\n" for key, value in rows.items())
    return f"{markdown_text(evidence.title)}\n\n| | |\n| --- | --- |\n{table}"
