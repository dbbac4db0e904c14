"""Counts of a bench's executions and cases by what became of them: only what ran counts as run."""

from collections.abc import Sequence
from typing import NamedTuple

from db.repositories.bench_rows import CaseProgress
from db.states import CaseState

NOTHING_RAN = 4
"""Exit code of a bench that is over and none of whose executions ran."""
_WORDS: dict[CaseState, str] = {
    "skipped": "skipped",
    "invalid": "invalid",
    "error": "with a failed environment",
    "cancelled": "cancelled",
}


class ExecutionCounts(NamedTuple):
    """Executions of arms by what became of them; they sum to `total`."""

    total: int
    ran: int
    """With a result, errors included."""
    running: int
    waiting: int
    skipped: int
    """Left out by a cap or a race."""
    cancelled: int
    invalid: int
    """Never ran, as their issue cannot be benched."""
    unchecked: int
    """Never ran, as the environment of their case failed."""
    errors: int
    """Those that ran and ended as an error."""

    @property
    def open(self) -> int:
        """Those that run or wait."""
        return self.running + self.waiting

    def text(self) -> str:
        """One line; what is 0 is left out, except what runs and waits."""
        parts = [
            f"{self.ran}/{self.total} executions ran",
            f"{self.running} running",
            f"{self.waiting} waiting",
        ]
        others = (
            (self.skipped, "skipped"),
            (self.cancelled, "cancelled"),
            (self.invalid, "of invalid issues"),
            (self.unchecked, "of cases with a failed environment"),
            (self.errors, "errors"),
        )
        return ", ".join([*parts, *(f"{number} {word}" for number, word in others if number)])


def execution_counts(cases: Sequence[CaseProgress]) -> ExecutionCounts:
    """The executions of all cases."""

    def skipped(*states: CaseState) -> int:
        return sum(case.skipped for case in cases if case.state in states)

    ran = sum(case.done + case.error for case in cases)
    running, waiting = sum(case.running for case in cases), sum(case.ready + case.pending for case in cases)
    invalid, unchecked = skipped("invalid"), skipped("error")
    left_out = sum(case.skipped for case in cases) - invalid - unchecked
    cancelled = sum(case.cancelled for case in cases)
    total = ran + running + waiting + left_out + cancelled + invalid + unchecked
    errors = sum(case.error for case in cases)
    return ExecutionCounts(total, ran, running, waiting, left_out, cancelled, invalid, unchecked, errors)


def nothing_ran_line(cases: Sequence[CaseProgress]) -> str | None:
    """Why no execution of a bench that is over has run, with the first reason of each kind; None where one has."""
    if any(case.done or case.error or case.state == "finished" for case in cases):
        return None
    kinds = [(word, [case for case in cases if case.state == state]) for state, word in _WORDS.items()]
    parts = [
        f"{len(of_kind)} {'case' if len(of_kind) == 1 else 'cases'} {word} ({_first_reason(of_kind)})"
        for word, of_kind in kinds
        if of_kind
    ]
    return f"nothing ran: {', '.join(parts) or 'the bench has no case'}"


def failed_lines(cases: Sequence[CaseProgress], bench_id: str) -> list[str]:
    """A line for each case whose environment failed, with the reason and the command that retries it."""
    return [
        f"{case.issue_id}: its environment failed, {case.reason}; to retry: bench resume {bench_id}"
        for case in cases
        if case.state == "error"
    ]


def _first_reason(cases: Sequence[CaseProgress]) -> str:
    return next((case.reason for case in cases if case.reason), "no reason is stored")
