"""Readiness of the issues of a backlog: which are schedulable, and why the others are held."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from bench.intake.chain_format import format_chain
from bench.intake.graph import critical_path_hours, find_blockers, find_cycles
from bench.intake.issue import Issue
from bench.intake.wait_graph import Backlog
from bench.reporting.result import FinalResult
from db.repositories.streams import BacklogIssue, PastRuns

STARTABLE: Final = frozenset({"open", "ready"})
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class IssueHistory:
    """Summary of the finished stream runs of one issue."""

    runs: int = 0
    last_finished: datetime | None = None
    solved_at: datetime | None = None
    invalid_at: datetime | None = None
    """When its gates passed already, or could not run, on the base commit."""
    failed_at: datetime | None = None
    """When the environment of its last run failed, before anything ran."""
    failure: str = ""
    """Why, and the command that retries it."""

    def extended(self, row: PastRuns) -> "IssueHistory":
        """The history with further finished runs added."""
        finished = row.last_finished or self.last_finished
        failed = row.failed_at is not None and row.failed_at == finished
        return IssueHistory(
            self.runs + row.runs,
            finished,
            row.solved_at or self.solved_at,
            row.invalid_at or self.invalid_at,
            row.failed_at if failed else None,
            f"{row.failed_why}; to retry: bench resume {row.failed_in}" if failed else "",
        )


@dataclass(frozen=True, slots=True)
class BacklogState:
    """The issues of a backlog by readiness, at one moment."""

    ready: list[Issue]
    """Unordered; `dk_attempts` includes the stream's own runs."""
    held: dict[str, str]
    """Issues that are open and may not start, and why."""
    solved: list[str]
    cycles: list[list[str]]
    outside: int = 0
    """The number of open issues that the stream does not select; they are in no list."""


@dataclass
class Board:
    """The backlog in memory, with the finished runs of each issue; its dependency graph is cached between imports."""

    max_attempts: int
    objection: Callable[[Issue, str | None], str | None] = lambda _issue, _source: None
    """Returns why an issue from a source cannot run under the config, or None where it can."""
    issues: dict[str, Issue] = field(default_factory=dict)
    imported_at: dict[str, datetime] = field(default_factory=dict)
    history: dict[str, IssueHistory] = field(default_factory=dict)
    unlanded: Mapping[str, str] = field(default_factory=dict)
    """Solved issues that are not in the source repository yet, and why a person is needed, or an empty text."""
    base_conflicts: Mapping[str, str] = field(default_factory=dict)
    """Issues whose base needs a person, and why."""
    _sources: dict[str, str | None] = field(default_factory=dict)
    _objections: dict[str, str | None] = field(default_factory=dict)
    _graph: "_Graph | None" = None

    def load(self, rows: Iterable[BacklogIssue]) -> None:
        """Replace the backlog."""
        self.issues, self.imported_at, self._graph = {}, {}, None
        self._sources, self._objections = {}, {}
        for row in rows:
            self._sources[row.issue_id] = row.source
            self.issues[row.issue_id] = Issue.from_document(row.document)
            self.imported_at[row.issue_id] = row.imported_at

    def add_finished(self, rows: Iterable[PastRuns]) -> None:
        """Add finished runs."""
        for row in rows:
            self.history[row.issue_id] = self._history_of(row.issue_id).extended(row)
            if row.solved_at is not None:
                self._graph = None

    def set_landings(self, unlanded: Mapping[str, str], base_conflicts: Mapping[str, str]) -> None:
        """Replace what is known of landings."""
        if self.unlanded.keys() != unlanded.keys():
            self._graph = None
        self.unlanded, self.base_conflicts = unlanded, base_conflicts

    def waited_for(self, issue_id: str) -> list[str]:
        """Every issue that the issue waited for."""
        return self._graph_now().backlog.waited_for(issue_id)

    def is_solved(self, issue_id: str) -> bool:
        """Whether a stream solved the issue since its last changed import, which reopens it."""
        return self._since_import(issue_id, self._history_of(issue_id).solved_at)

    def final_result(self, issue_id: str) -> FinalResult | None:
        """The result of an issue that no further run follows; None where one may follow, or the issue is unknown.

        A changed import reopens an issue: the results of runs before it are final no more.
        """
        issue, history = self.issues.get(issue_id), self._history_of(issue_id)
        if issue is None or not self._since_import(issue_id, history.last_finished):
            return None
        if self.is_solved(issue_id):
            return "solved"
        if self._since_import(issue_id, history.invalid_at):
            return "invalid"
        return "not solved" if self._attempts(issue) >= self.max_attempts else None

    def waiting_since(self, issue_id: str) -> datetime:
        """Start of the queueing time of a ready issue: its import or its last run, whichever is later."""
        last = self._history_of(issue_id).last_finished
        return max(self.imported_at[issue_id], last or _NEVER)

    def critical_hours(self) -> Mapping[str, int]:
        """Critical path behind each unfinished issue, in hours."""
        return self._graph_now().hours

    def state(self, running: Iterable[str]) -> BacklogState:
        """The readiness of all issues that are neither closed nor `running` (ids)."""
        running_ids, graph = set(running), self._graph_now()
        ready, held, solved = [], {}, []
        for issue in self.issues.values():
            if issue.is_closed or issue.id in running_ids:
                continue
            if self.is_solved(issue.id):
                solved.append(issue.id)
                if self.unlanded.get(issue.id):
                    held[issue.id] = f"solved, not landed: {self.unlanded[issue.id]}"
                continue
            reason = self._why_not(issue, graph)
            if reason is None:
                ready.append(issue.model_copy(update={"dk_attempts": self._attempts(issue)}))
            else:
                held[issue.id] = reason
        return BacklogState(ready, held, solved, graph.cycles)

    def _why_not(self, issue: Issue, graph: "_Graph") -> str | None:
        if issue.is_escalation:
            return "waits for a person"
        if issue.status not in STARTABLE:
            return f"its status is {issue.status}"
        if self._since_import(issue.id, self._history_of(issue.id).invalid_at):
            return "its gates pass already, or cannot run, on the base commit"
        if self._since_import(issue.id, self._history_of(issue.id).failed_at):
            return f"its environment failed: {self._history_of(issue.id).failure}"
        if self._attempts(issue) >= self.max_attempts:
            return f"ran {self._attempts(issue)} times without success"
        if issue.id in graph.ring:
            return f"waits in a ring: {graph.ring[issue.id]}"
        if issue.id in graph.blockers:
            return f"waits for {', '.join(graph.blockers[issue.id][:5])}"
        if issue.id in self.base_conflicts:
            return self.base_conflicts[issue.id]
        if issue.id not in self._objections:
            self._objections[issue.id] = self.objection(issue, self._sources[issue.id])
        return self._objections[issue.id]

    def _blocks_none(self, issue_id: str) -> bool:
        return self.is_solved(issue_id) and issue_id not in self.unlanded

    def _attempts(self, issue: Issue) -> int:
        return issue.dk_attempts + self._history_of(issue.id).runs

    def _history_of(self, issue_id: str) -> IssueHistory:
        return self.history.get(issue_id, IssueHistory())

    def _since_import(self, issue_id: str, moment: datetime | None) -> bool:
        return moment is not None and moment >= self.imported_at[issue_id]

    def _graph_now(self) -> "_Graph":
        if self._graph is None:
            self._graph = _Graph.of(
                issue.model_copy(update={"status": "done"}) if self._blocks_none(issue.id) else issue
                for issue in self.issues.values()
            )
        return self._graph


@dataclass(frozen=True, slots=True)
class _Graph:
    backlog: Backlog
    blockers: Mapping[str, tuple[str, ...]]
    hours: Mapping[str, int]
    cycles: list[list[str]]
    ring: Mapping[str, str]
    """By issue, its dependency cycle as text of bounded length, shared by all its issues."""

    @classmethod
    def of(cls, issues: Iterable[Issue]) -> "_Graph":
        known = Backlog(issues)
        cycles = find_cycles(known)
        ring = {}
        for cycle in cycles:
            ring.update(dict.fromkeys(cycle, format_chain(cycle, closed=True)))
        return cls(known, find_blockers(known), critical_path_hours(known), cycles, ring)
