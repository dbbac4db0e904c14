"""One step of a stream: look at what ended, decide what starts, write it down."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from bench.config.models import BenchConfig
from bench.errors import BenchError
from bench.intake.issue import Issue
from bench.stream.board import Board, Standing
from bench.stream.decision import plan_issue
from bench.stream.dispatch import dispatch
from bench.stream.plan import stream_case, with_toolchains
from bench.stream.urgency import in_order, patience_of
from bench.submit.inputs import planner_input
from bench.submit.plan import Ready
from db.repositories.new_bench import NewCase
from db.repositories.streams import BacklogIssue, OpenRun, PastRuns
from planner.documents.base import hash_without_time
from planner.inference import PlannerInference
from workers.classes import class_name
from workers.errors import WorkerError

Json = dict[str, Any]


class Truth(Protocol):
    """What a step asks of the database, for one stream."""

    def backlog_if_changed(self) -> list[BacklogIssue] | None: ...
    def open_runs(self) -> list[OpenRun]: ...
    def ended(self, case_ids: Sequence[int]) -> list[PastRuns]: ...
    def system_state(self, now: datetime) -> Json: ...
    def history(self, issue: Issue, now: datetime) -> list[Json]: ...
    def make_ready(self, issue: Issue) -> Ready: ...
    def baseline(self, key: str) -> list[Json] | None: ...
    def run_number(self, issue_id: str) -> int: ...
    def next_rank(self) -> int: ...
    def start(self, case: NewCase, queues: Mapping[str, Sequence[str]]) -> int | None: ...


class Started(NamedTuple):
    """A run that was just written."""

    issue_id: str
    action: str
    """In words."""
    why: str
    """Who decided, and what was changed."""


class Ended(NamedTuple):
    """A run that just came to its end."""

    issue_id: str
    result: str
    """solved, not solved, or invalid."""


@dataclass
class StepReport:
    """What one step saw and did."""

    started: list[Started] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    open_runs: list[OpenRun] = field(default_factory=list)
    standing: Standing = field(default_factory=lambda: Standing([], {}, [], []))
    decision_ms: list[float] = field(default_factory=list)
    """Of each decision: similar runs, planner_input, and the planner's answer."""

    @property
    def drained(self) -> bool:
        """Nothing runs and nothing may start."""
        return not self.open_runs and not self.standing.ready


class Scheduler:
    """Decides, step after step; all it remembers can be read from the truth again."""

    def __init__(
        self,
        truth: Truth,
        board: Board,
        config: BenchConfig,
        inference: PlannerInference,
        stability: Json,
        wanted: Callable[[Issue], bool] = lambda _issue: True,
        running: Iterable[OpenRun] = (),
    ) -> None:
        """`wanted` says which issues this stream takes at all; the others still block those that wait for them.

        `running` are the open runs of the moment up to which `board` knows what ended: one that ends between
        then and the first step has ended for this stream.
        """
        self._truth, self._board, self._config = truth, board, config
        self._inference, self._stability, self._wanted = inference, stability, wanted
        self._running: dict[int, str] = {run.case_id: run.issue_id for run in running}
        self._unfit: dict[str, str] = {}
        self._patience = patience_of(config.stream.patience)

    def step(self, now: datetime, *, starting: bool = True) -> StepReport:
        """One step; where not `starting`, it only looks at what ended."""
        report = StepReport()
        self._look(report)
        if starting:
            free = self._config.stream.max_concurrent_workcells - _workcells(report.open_runs)
            self._start_what_fits(report, free, now)
        return report

    def _look(self, report: StepReport) -> None:
        changed = self._truth.backlog_if_changed()
        if changed is not None:
            self._board.load(changed)
            self._unfit.clear()
        report.open_runs = self._truth.open_runs()
        now_open = {run.case_id: run.issue_id for run in report.open_runs}
        over = [case_id for case_id in self._running if case_id not in now_open]
        if over:
            results = self._truth.ended(over)
            self._board.ended(results)
            by_issue = {row.issue_id: row for row in results}
            ended = (self._running[case_id] for case_id in over)
            report.ended = [Ended(issue_id, _result(by_issue.get(issue_id))) for issue_id in ended]
        self._running = now_open
        report.standing = self._taken(self._board.standing(now_open.values()))

    def _taken(self, standing: Standing) -> Standing:
        """Without the issues that are not for this stream, and those that turned out unfit held."""
        wanted = [issue for issue in standing.ready if self._wanted(issue)]
        held = {each: why for each, why in standing.held.items() if self._wanted(self._board.issues[each])}
        unfit = {issue.id: self._unfit[issue.id] for issue in wanted if issue.id in self._unfit}
        ready = [issue for issue in wanted if issue.id not in unfit]
        return replace(standing, ready=ready, held={**held, **unfit})

    def _start_what_fits(self, report: StepReport, free: int, now: datetime) -> None:
        ready = {issue.id: issue for issue in report.standing.ready}
        if free < 1 or not ready:
            return
        since = {issue_id: self._board.waiting_since(issue_id) for issue_id in ready}
        state = self._truth.system_state(now)
        tokens = self._tokens_left(report.open_runs)
        for place in in_order(ready.values(), since, self._board.critical_hours(), now, self._patience):
            issue = ready[place.issue_id]
            if free < 1:
                return
            if tokens is not None and (issue.dk_estimated_tokens or 0) > tokens and self._running:
                if place.starving:  # smaller ones would pass it for ever
                    return
                continue
            used = self._start(issue, free, state, now, report)
            if used:
                free -= used
                tokens = None if tokens is None else tokens - (issue.dk_estimated_tokens or 0)

    def _tokens_left(self, open_runs: Sequence[OpenRun]) -> int | None:
        budget = self._config.stream.token_budget
        if budget is None:
            return None
        issues = (self._board.issues.get(run.issue_id) for run in open_runs)
        return budget - sum(issue.dk_estimated_tokens or 0 for issue in issues if issue is not None)

    def _start(self, issue: Issue, free: int, state: Json, now: datetime, report: StepReport) -> int:
        """Decide and write one run; how many workcells it takes, 0 where it cannot start."""
        try:
            one = self._truth.make_ready(issue)
        except (BenchError, WorkerError) as error:
            return self._set_aside(issue, str(error))
        began = perf_counter()
        document = planner_input(issue, now, self._truth.history(issue, now), state)
        decision = plan_issue(
            issue, document, hash_without_time(document), self._config, self._inference, self._stability
        )
        report.decision_ms.append((perf_counter() - began) * 1000)
        workcell = with_toolchains(one.workcell, decision.asked.toolchains)
        if workcell is None:
            asked = ", ".join(decision.asked.toolchains or ())
            return self._set_aside(
                issue, f"routing asks for {asked}; list it among the workcell's toolchains"
            )
        one = Ready(issue, workcell)
        dispatched = dispatch(decision.asked, free, workcell.default_candidates)
        if dispatched is None:
            return 0
        case, needs = stream_case(
            self._config,
            one,
            document,
            decision,
            dispatched,
            rank=self._truth.next_rank(),
            run_no=self._truth.run_number(issue.id),
            baseline=self._truth.baseline(one.baseline_key),
        )
        case_id = self._truth.start(case, {class_name(needs): needs})
        if case_id is None:
            return 0
        # It may be over before the next look.
        self._running[case_id] = issue.id
        why = [decision.policy_id, decision.record["held_back"], dispatched.fallback_reason]
        report.started.append(
            Started(issue.id, dispatched.action.label(), ", ".join(part for part in why if part))
        )
        return dispatched.candidates

    def _set_aside(self, issue: Issue, reason: str) -> int:
        # Until the next import: a reason of its own, such as an unknown commit, does not go away by itself.
        self._unfit[issue.id] = reason
        return 0


def _result(row: PastRuns | None) -> str:
    if row is None:
        return "cancelled"
    if row.solved_at is not None:
        return "solved"
    return "not solved" if row.invalid_at is None else "invalid"


def _workcells(open_runs: Sequence[OpenRun]) -> int:
    """Workcells that open runs may use at once; the check of their gates counts as its run."""
    return sum(int(run.planned["candidates"]) for run in open_runs)
