"""Search for a repair: candidates in order, a few in flight at a time, until one passes or the deadline."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from workers.repair.candidates import Candidate, Workbench
from workers.repair.errors import ZygoteLostError
from workers.repair.source import Edit
from workers.repair.suite_runner import SuiteRunner, Verdict

_DEPTH = 3
_PROGRESS_SECONDS = 2.0
_MAX_LOSSES = 20
Wait = Callable[[float], Verdict]


@dataclass
class BestEdit:
    """The best edit so far; it is kept when the search is interrupted."""

    candidate: Candidate | None = None
    passed: int = 0
    """The number of tests that it changed from failing to passing."""
    solved: bool = False
    tried: int = 0
    first_after: float | None = None
    """Seconds from the start of the process to the first candidate."""


@dataclass
class Search:
    """One round's search over the edits of the suspicious lines."""

    runners: Sequence[SuiteRunner]
    """All gates; the first is one with failing tests, and candidates are tried on it first."""
    workbenches: dict[str, Workbench]
    best: BestEdit
    deadline: float
    started: float
    report: Callable[[str], None]
    partial_share: float = 1.0
    """The share of the round's time after which a partial repair is passed to the next round."""
    _waiting: deque[tuple[Candidate, bool, Wait]] = field(default_factory=deque)
    _reported_at: float = 0.0
    _losses: int = 0

    def run(self, edits: Iterable[Edit]) -> str:
        """Try edits until one passes every gate, none is left, or the deadline is reached; returns why it ended."""
        try:
            for edit in edits:
                if time.monotonic() >= self.deadline:
                    return "out of time"
                candidate = self.workbenches[edit.path].candidate(edit)
                if candidate is not None:
                    self._start(candidate, cold=candidate.warm is None)
                if len(self._waiting) >= _DEPTH and self._finish_one():
                    return "solved"
                if self._leave_to_next_round():
                    return "the rest of the time is for the next round"
            while self._waiting:
                if self._finish_one():
                    return "solved"
        except TimeoutError:
            return "out of time"
        return "every edit was tried"

    def _leave_to_next_round(self) -> bool:
        """Early stopping: whether there is a partial repair, and the rest of the time is for the next round."""
        if self.best.candidate is None:
            return False
        return time.monotonic() - self.started > self.partial_share * (self.deadline - self.started)

    def _start(self, candidate: Candidate, cold: bool) -> None:
        left = self.deadline - time.monotonic()
        try:
            wait = self.runners[0].ask(candidate, self.best.passed, left, cold)
        except ZygoteLostError:
            self._lost()
            return
        self._waiting.append((candidate, cold, wait))

    def _lost(self) -> None:
        """Discard the candidates in flight after one of them crashed the zygote."""
        self._losses += 1
        if self._losses > _MAX_LOSSES:
            raise TimeoutError
        self._waiting.clear()
        self.runners[0].renew()

    def _finish_one(self) -> bool:
        candidate, cold, wait = self._waiting.popleft()
        try:
            verdict = wait(self.deadline)
        except ZygoteLostError:
            self._lost()
            return False
        if verdict.cold and not cold:
            self._start(candidate, cold=True)
            return False
        self._count()
        if not verdict.clean or verdict.passed <= self.best.passed:
            return False
        return self._judge(candidate, verdict)

    def _count(self) -> None:
        now = time.monotonic()
        self.best.tried += 1
        if self.best.first_after is None:
            self.best.first_after = now - self.started
            self.report(f"first candidate after {self.best.first_after:.2f} s")
        if now - self._reported_at >= _PROGRESS_SECONDS:
            self._reported_at = now
            self.report(f"{self.best.tried} candidates tried, {max(0.0, self.deadline - now):.0f} s left")

    def _judge(self, candidate: Candidate, verdict: Verdict) -> bool:
        """Validate a candidate as the gates will: with a fresh import, on all of them. True ends the search."""
        solved = True
        for runner in self.runners:
            try:
                again = runner.ask(candidate, -1, self.deadline - time.monotonic(), cold=True)(self.deadline)
            except ZygoteLostError:
                self._lost()
                return False
            if runner is self.runners[0] and (again.passed < verdict.passed or not again.clean):
                return False
            solved = solved and again.clean and again.passed == runner.goal
        self.best.candidate, self.best.passed = candidate, verdict.passed
        self.best.solved = solved
        edit = candidate.edit
        self.report(
            f"{edit.path}:{edit.line}: {edit.kind}: {verdict.passed} of {self.runners[0].goal} tests repaired"
        )
        return solved
