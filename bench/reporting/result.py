"""The final result of an issue in a stream, as it is written to the issue's source."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

FinalResult = Literal["solved", "not solved", "invalid", "needs a person"]
"""not solved: after the last attempt; invalid: its gates pass already, or cannot run, on the base commit."""


class ReportedLanding(NamedTuple):
    """How the patch of a solved issue is landed in its repository."""

    text: str
    """One line, such as `branch bench/dep-104`."""
    is_over: bool = True
    """False: the result is reported later, when the landing is over."""
    needs_person: bool = False
    """Whether it failed in a way that a person has to resolve, such as a conflict."""


LandingOf = Callable[[int], ReportedLanding | None]
"""The landing of the case of this id; None where nothing is landed."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """The final result of an issue: what ran last, and the evidence for it."""

    issue_id: str
    """The id that the issue has in its own repository."""
    stream_id: str
    case_id: int
    execution_id: int | None
    """None where nothing was executed, because the issue is invalid."""
    result: FinalResult
    action: str
    """The label of the action that ran."""
    evidence: tuple[str, ...] = ()
    """Gates, duration and cost, each in a line without line breaks."""
    landed: str | None = None
    is_correction: bool = False
    """Whether the run was reported as needing a person before, and its patch has landed since."""

    @property
    def run_id(self) -> str:
        """Idempotency key of the report: the same for each attempt to write it, other for each run and correction."""
        return f"{self.stream_id}/{self.case_id}{'/landed' if self.is_correction else ''}"
