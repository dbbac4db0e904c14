"""One scheduling step of a stream: collect finished runs, decide and start new ones."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from bench.config.models import BenchConfig
from bench.errors import BenchError
from bench.intake.issue import Issue
from bench.landing.errors import ConflictError, LandingError
from bench.stream.board import BacklogState, Board
from bench.stream.decision import plan_issue
from bench.stream.dispatch import dispatch
from bench.stream.plan import stream_case, with_toolchains
from bench.stream.urgency import aging_of, urgency_order
from bench.submit.inputs import planner_input
from bench.submit.plan import Ready
from db.repositories.new_bench import NewCase
from db.repositories.streams import BacklogIssue, OpenRun, PastRuns
from planner.documents.base import hash_without_time
from planner.inference import PlannerInference
from workers.classes import class_name
from workers.errors import WorkerError

Json = dict[str, Any]


class StreamState(Protocol):
    """The stored state of one stream, as a scheduling step reads and changes it."""

    def backlog_if_changed(self) -> list[BacklogIssue] | None:
        """The backlog where an import changed it since the last call, else None."""

    def open_runs(self) -> list[OpenRun]:
        """Runs that are not finished."""

    def finished_runs(self, case_ids: Sequence[int]) -> list[PastRuns]:
        """The finished runs of these cases, which are then also in `history`."""

    def system_state(self, now: datetime) -> Json:
        """The load of the farm, in the bins of the `system_state` of a planner_input."""

    def history(self, issue: Issue, now: datetime) -> list[Json]:
        """The most similar runs that started before `now`, newest first."""

    def landings(self, now: datetime) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Solved issues that are not landed, and issues whose base cannot be made; each with the reason, or ''."""

    def make_ready(self, issue: Issue, waited_for: Sequence[str]) -> Ready:
        """The issue with its workcell, on a base that contains the landed commits of what it waited for.

        Raises `LandingError` or `ConflictError` where that base cannot be made now, `BenchError` or `WorkerError`
        where the issue cannot run.
        """

    def baseline(self, key: str) -> list[Json] | None:
        """The gate results on the base commit; None where they are not known."""

    def run_number(self, issue_id: str) -> int:
        """The number of the issue's next run in this stream, from 0."""

    def next_rank(self) -> int:
        """The admission rank of the next case in this stream."""

    def start(self, case: NewCase, queues: Mapping[str, Sequence[str]]) -> int | None:
        """Store the run; returns the id of its case, or None where the stream is closed."""


class Started(NamedTuple):
    """A run that a step started."""

    issue_id: str
    action: str
    """The label of the action."""
    why: str
    """The policy that decided, and what changed its decision."""


class FinishedRun(NamedTuple):
    """A run that finished since the step before."""

    issue_id: str
    result: str
    """solved, not solved, invalid, environment failed or cancelled"""
    case_id: int


@dataclass
class StepReport:
    """The changes of one step, and the state of the backlog in it."""

    started: list[Started] = field(default_factory=list)
    finished: list[FinishedRun] = field(default_factory=list)
    open_runs: list[OpenRun] = field(default_factory=list)
    backlog: BacklogState = field(default_factory=lambda: BacklogState([], {}, [], []))
    decision_ms: list[float] = field(default_factory=list)
    """Latency of each decision: similar runs, planner_input, and the planner's answer."""
    notes: list[str] = field(default_factory=list)
    """What a person should know, once."""

    @property
    def drained(self) -> bool:
        """Whether nothing runs and nothing is schedulable."""
        return not self.open_runs and not self.backlog.ready


class Scheduler:
    """The scheduler of a stream. Restartable: its memory is a cache of the stored state."""

    def __init__(
        self,
        state: StreamState,
        board: Board,
        config: BenchConfig,
        inference: PlannerInference,
        stability: Json,
        wanted: Callable[[Issue], bool] = lambda _issue: True,
        running: Iterable[OpenRun] = (),
    ) -> None:
        """`wanted` selects the issues of this stream; the others still block the issues that depend on them.

        `running` are the open runs of the moment up to which `board` has the finished runs: a run that finishes
        before the first step is then reported by that step.
        """
        self._state, self._board, self._config = state, board, config
        self._inference, self._stability, self._wanted = inference, stability, wanted
        self._running: dict[int, str] = {run.case_id: run.issue_id for run in running}
        self._unfit: dict[str, str] = {}
        self._noted_base = False
        self._aging = aging_of(config.stream.patience)

    def step(self, now: datetime, *, starting: bool = True) -> StepReport:
        """One scheduling step; where `starting` is False, it only collects finished runs."""
        report = StepReport()
        self._refresh(report, now)
        if starting:
            free = self._config.stream.max_concurrent_workcells - _workcells(report.open_runs)
            self._start_what_fits(report, free, now)
        return report

    def _refresh(self, report: StepReport, now: datetime) -> None:
        changed = self._state.backlog_if_changed()
        if changed is not None:
            self._board.load(changed)
            self._unfit.clear()
        report.open_runs = self._state.open_runs()
        now_open = {run.case_id: run.issue_id for run in report.open_runs}
        finished = [case_id for case_id in self._running if case_id not in now_open]
        if finished:
            results = self._state.finished_runs(finished)
            self._board.add_finished(results)
            by_issue = {row.issue_id: row for row in results}
            runs = ((case_id, self._running[case_id]) for case_id in finished)
            report.finished = [
                FinishedRun(issue_id, _result(by_issue.get(issue_id)), case_id) for case_id, issue_id in runs
            ]
        self._running = now_open
        # After the runs that finished, so that none is taken for landed that is not queued yet.
        self._board.set_landings(*self._state.landings(now))
        report.backlog = self._selected(self._board.state(now_open.values()))

    def _selected(self, backlog: BacklogState) -> BacklogState:
        """Only the issues of this stream; those that cannot run are held."""
        wanted = [issue for issue in backlog.ready if self._wanted(issue)]
        held = {each: why for each, why in backlog.held.items() if self._wanted(self._board.issues[each])}
        unfit = {issue.id: self._unfit[issue.id] for issue in wanted if issue.id in self._unfit}
        ready = [issue for issue in wanted if issue.id not in unfit]
        outside = len(backlog.ready) + len(backlog.held) - len(wanted) - len(held)
        return replace(backlog, ready=ready, held={**held, **unfit}, outside=outside)

    def _start_what_fits(self, report: StepReport, free: int, now: datetime) -> None:
        ready = {issue.id: issue for issue in report.backlog.ready}
        if free < 1 or not ready:
            return
        since = {issue_id: self._board.waiting_since(issue_id) for issue_id in ready}
        system_state = self._state.system_state(now)
        tokens = self._tokens_left(report.open_runs)
        for entry in urgency_order(ready.values(), since, self._board.critical_hours(), now, self._aging):
            issue = ready[entry.issue_id]
            if free < 1:
                return
            if tokens is not None and (issue.dk_estimated_tokens or 0) > tokens and self._running:
                if entry.starving:  # no backfilling: smaller issues would starve it
                    return
                continue
            used = self._start(issue, free, system_state, now, report)
            if used:
                free -= used
                tokens = None if tokens is None else tokens - (issue.dk_estimated_tokens or 0)

    def _tokens_left(self, open_runs: Sequence[OpenRun]) -> int | None:
        budget = self._config.stream.token_budget
        if budget is None:
            return None
        issues = (self._board.issues.get(run.issue_id) for run in open_runs)
        return budget - sum(issue.dk_estimated_tokens or 0 for issue in issues if issue is not None)

    def _start(self, issue: Issue, free: int, system_state: Json, now: datetime, report: StepReport) -> int:
        """Decide and store one run; returns how many workcells it takes, 0 where it cannot start."""
        waited_for = self._board.waited_for(issue.id)
        try:
            prepared = self._state.make_ready(issue, waited_for)
        except (LandingError, ConflictError) as error:
            report.backlog.ready.remove(issue)
            report.backlog.held[issue.id] = str(error)
            return 0
        except (BenchError, WorkerError) as error:
            return self._set_aside(issue, str(error))
        began = perf_counter()
        document = planner_input(issue, now, self._state.history(issue, now), system_state)
        decision = plan_issue(
            issue, document, hash_without_time(document), self._config, self._inference, self._stability
        )
        report.decision_ms.append((perf_counter() - began) * 1000)
        workcell = with_toolchains(prepared.workcell, decision.asked.toolchains)
        if workcell is None:
            asked = ", ".join(decision.asked.toolchains or ())
            return self._set_aside(
                issue, f"routing asks for {asked}; list it among the workcell's toolchains"
            )
        prepared = Ready(issue, workcell)
        dispatched = dispatch(decision.asked, free, workcell.default_candidates)
        if dispatched is None:
            return 0
        case, needs = stream_case(
            self._config,
            prepared,
            document,
            decision,
            dispatched,
            rank=self._state.next_rank(),
            run_no=self._state.run_number(issue.id),
            baseline=self._state.baseline(prepared.baseline_key) if prepared.has_known_image else None,
        )
        case_id = self._state.start(case, {class_name(needs): needs})
        if case_id is None:
            return 0
        # It may finish before the next step reads the open runs.
        self._running[case_id] = issue.id
        self._note_base(issue.id, waited_for, report)
        why = [decision.policy_id, decision.record["held_back"], dispatched.fallback_reason]
        report.started.append(
            Started(issue.id, dispatched.action.label(), ", ".join(part for part in why if part))
        )
        return dispatched.candidates

    def _note_base(self, issue_id: str, waited_for: Sequence[str], report: StepReport) -> None:
        """Note once where an issue starts without the fixes that it waited for, because nothing lands."""
        solved = [each for each in waited_for if each in self._board.issues and self._board.is_solved(each)]
        if self._config.stream.land == "none" and solved and not self._noted_base:
            self._noted_base = True
            report.notes.append(
                f"{issue_id} starts from its configured base, without the fix of {solved[0]}: stream.land is none"
            )

    def _set_aside(self, issue: Issue, reason: str) -> int:
        # Until the next import: a reason such as an unknown commit is not transient.
        self._unfit[issue.id] = reason
        return 0


def _result(row: PastRuns | None) -> str:
    if row is None:
        return "cancelled"
    if row.solved_at is not None:
        return "solved"
    if row.failed_at is not None:
        return "environment failed"
    return "not solved" if row.invalid_at is None else "invalid"


def _workcells(open_runs: Sequence[OpenRun]) -> int:
    """Workcells that open runs may use at the same time; the baseline check of a run counts as the run."""
    return sum(int(run.planned["candidates"]) for run in open_runs)
