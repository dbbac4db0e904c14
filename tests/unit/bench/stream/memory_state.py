"""An in-memory `StreamState` with a clock: runs finish in the order in which they started."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.intake.issue import Issue
from bench.submit.plan import Ready
from db.repositories.new_bench import NewCase
from db.repositories.streams import BacklogIssue, OpenRun, PastRuns
from db.states import ExecutionState
from workers.spec import Gate, Workcell

Json = dict[str, Any]
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


class MemoryStreamState:
    """Each step of the clock finishes the oldest run; `solves(issue_id, run_no)`: whether it solved its issue."""

    def __init__(self, issues: Sequence[Issue], solves: Callable[[str, int], bool]) -> None:
        self.issues = list(issues)
        self.solves = solves
        self.now = BEGIN
        self.cases: dict[int, NewCase] = {}
        self.open: list[int] = []
        self.over: dict[int, PastRuns] = {}
        self.changed = True
        self.unlanded: dict[str, str] = {}

    def add(self, *issues: Issue) -> None:
        self.issues += issues
        self.changed = True

    def pass_time(self, hours: float = 1.0) -> None:
        self.now += timedelta(hours=hours)
        if self.open:
            case_id = self.open.pop(0)
            case = self.cases[case_id]
            solved = self.now if self.solves(case.issue_id, case.run_no) else None
            self.over[case_id] = PastRuns(case.issue_id, 1, self.now, solved, None)

    def backlog_if_changed(self) -> list[BacklogIssue] | None:
        if not self.changed:
            return None
        self.changed = False
        return [BacklogIssue(i.id, i.document(), BEGIN, "issues.jsonl") for i in self.issues]

    def open_runs(self) -> list[OpenRun]:
        return [self._open_run(n, self.cases[n]) for n in self.open]

    def _open_run(self, case_id: int, case: NewCase) -> OpenRun:
        planned = dict(case.arms[0].planned)
        return OpenRun(
            case_id, case.issue_id, "admitted", None, case.decision, planned, ExecutionState.RUNNING
        )

    def finished_runs(self, case_ids: Sequence[int]) -> list[PastRuns]:
        return [self.over[case_id] for case_id in case_ids]

    def system_state(self, now: datetime) -> Json:
        return {"hour_bucket": "night"}

    def history(self, issue: Issue, now: datetime) -> list[Json]:
        return []

    def landings(self, now: datetime) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return self.unlanded, {}

    def make_ready(self, issue: Issue, waited_for: Sequence[str]) -> Ready:
        gate = Gate(name="test", command=["true"])
        return Ready(issue, Workcell(repo="/repo", base="0" * 40, gates=[gate]))

    def baseline(self, key: str) -> list[Json] | None:
        return None

    def run_number(self, issue_id: str) -> int:
        return sum(case.issue_id == issue_id for case in self.cases.values())

    def next_rank(self) -> int:
        return len(self.cases)

    def start(self, case: NewCase, queues: Mapping[str, Sequence[str]]) -> int | None:
        number = len(self.cases)
        self.cases[number] = case
        self.open.append(number)
        return number
