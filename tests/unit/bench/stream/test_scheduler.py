"""The scheduler starts ready issues by urgency, within workcells, attempts and tokens."""

from datetime import timedelta

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bench.config.models import BenchConfig
from bench.intake.issue import Dependency, Issue
from bench.stream.board import Board
from bench.stream.scheduler import Scheduler, StepReport
from db.repositories.streams import BacklogIssue, PastRuns
from planner.host.config import PlannerConfig
from planner.inference import PlannerInference
from tests.unit.bench.stream.memory_state import BEGIN, MemoryStreamState

_OFF = PlannerInference(PlannerConfig(enabled=False))


def _scheduler(state: MemoryStreamState, **stream: object) -> Scheduler:
    config = BenchConfig.model_validate({"stream": stream})
    return Scheduler(state, Board(config.stream.max_attempts), config, _OFF, {})


def _run_dry(state: MemoryStreamState, scheduler: Scheduler, limit: int = 100) -> list[StepReport]:
    reports = []
    for _ in range(limit):
        reports.append(scheduler.step(state.now))
        if reports[-1].drained and not reports[-1].started:
            return reports
        state.pass_time()
    raise AssertionError("the stream never runs dry")


def _after(issue_id: str, *others: str, **fields: object) -> Issue:
    waits = tuple(Dependency(issue_id=issue_id, depends_on_id=other) for other in others)
    return Issue(id=issue_id, dependencies=waits, **fields)


_issues = st.lists(
    st.builds(
        Issue,
        id=st.integers(0, 11).map(lambda n: f"i{n}"),
        dk_risk=st.sampled_from(["low", "medium", "high", "critical"]),
        dk_size=st.sampled_from(["XS", "M", "XL"]),
        dk_priority=st.sampled_from(["P0", "P2", "P3"]),
        dk_speculate=st.booleans(),
        dependencies=st.lists(
            st.integers(0, 11).map(lambda n: Dependency(issue_id="", depends_on_id=f"i{n}")), max_size=2
        ).map(tuple),
    ),
    max_size=12,
    unique_by=lambda issue: issue.id,
)


@settings(max_examples=60, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(_issues, st.integers(1, 5), st.integers(1, 3))
def test_whatever_the_backlog_it_runs_dry_within_its_workcells_and_attempts(
    issues: list[Issue], workcells: int, attempts: int
) -> None:
    state = MemoryStreamState(issues, lambda issue_id, run_no: (len(issue_id) + run_no) % 2 == 1)
    scheduler = _scheduler(state, max_concurrent_workcells=workcells, max_attempts=attempts)
    for report in _run_dry(state, scheduler):
        assert sum(run.planned["candidates"] for run in report.open_runs) <= workcells
    runs = [case.issue_id for case in state.cases.values()]
    assert all(runs.count(issue_id) <= attempts for issue_id in set(runs))
    last = scheduler.step(state.now)
    known = {issue.id for issue in issues}
    assert known == {*last.backlog.held, *last.backlog.solved}
    for issue in issues:
        if issue.id in last.backlog.solved:
            continue
        assert last.backlog.held[issue.id].startswith(("waits for", "waits in a ring", "ran "))


def test_an_issue_starts_once_what_it_waits_for_is_solved() -> None:
    state = MemoryStreamState([_after("b", "a"), Issue(id="a")], lambda *_: True)
    scheduler = _scheduler(state)
    first = scheduler.step(state.now)
    assert [run.issue_id for run in first.started] == ["a"]
    assert first.backlog.held == {"b": "waits for a"}
    state.pass_time()
    assert [run.issue_id for run in scheduler.step(state.now).started] == ["b"]


def test_a_ring_is_named_and_holds_nobody_else() -> None:
    state = MemoryStreamState([_after("a", "b"), _after("b", "a"), Issue(id="c")], lambda *_: True)
    report = _scheduler(state).step(state.now)
    assert [run.issue_id for run in report.started] == ["c"]
    assert report.backlog.held == {"a": "waits in a ring: a → b → a", "b": "waits in a ring: a → b → a"}


def test_no_issue_starves_under_an_endless_rush_of_urgent_ones() -> None:
    state = MemoryStreamState([Issue(id="old", dk_priority="P3")], lambda *_: True)
    scheduler = _scheduler(state, max_concurrent_workcells=1)
    state.add(Issue(id="u0", dk_priority="P0"))
    started: list[str] = []
    for hour in range(1, 40):
        started += [run.issue_id for run in scheduler.step(state.now).started]
        state.pass_time()
        state.add(*(Issue(id=f"u{hour}-{n}", dk_priority="P0") for n in range(2)))
    # All were imported at the same moment here, so that their ids decide among the starving.
    assert "old" in started
    assert started.index("old") <= 25


def test_the_same_state_read_again_starts_nothing_twice() -> None:
    state = MemoryStreamState([Issue(id="a"), Issue(id="b")], lambda *_: True)
    before = _scheduler(state, max_concurrent_workcells=1)
    before.step(state.now)
    state.changed = True
    again = _scheduler(state, max_concurrent_workcells=1).step(state.now)
    assert again.started == []
    assert [run.issue_id for run in again.open_runs] == ["a"]


def test_a_run_that_ends_while_a_stream_is_taken_up_is_not_run_again() -> None:
    state = MemoryStreamState([Issue(id="a")], lambda *_: True)
    _scheduler(state).step(state.now)
    running = state.open_runs()
    state.pass_time()
    state.changed = True
    config = BenchConfig()
    again = Scheduler(state, Board(config.stream.max_attempts), config, _OFF, {}, running=running)
    report = again.step(state.now)
    assert ([run.issue_id for run in report.finished], report.started) == (["a"], [])
    assert report.backlog.solved == ["a"]


def test_an_issue_that_changed_after_it_was_solved_is_open_again() -> None:
    board = Board(3)
    issue = Issue(id="a")
    board.load([BacklogIssue("a", issue.document(), BEGIN, "issues.jsonl")])
    solved = BEGIN + timedelta(hours=1)
    board.add_finished([PastRuns("a", 1, solved, solved, None)])
    assert board.state([]).solved == ["a"]
    board.load([BacklogIssue("a", issue.document(), solved + timedelta(hours=1), "issues.jsonl")])
    assert [issue.id for issue in board.state([]).ready] == ["a"]


def test_an_issue_whose_environment_failed_is_held_until_it_is_retried_or_imported_again() -> None:
    board = Board(3)
    issue, failed = Issue(id="a"), BEGIN + timedelta(hours=1)
    board.load([BacklogIssue("a", issue.document(), BEGIN, "issues.jsonl")])
    board.add_finished([PastRuns("a", 0, failed, None, None, failed, "s-1", "infra: set-up ran out of time")])
    assert board.state([]).held == {
        "a": "its environment failed: infra: set-up ran out of time; to retry: bench resume s-1"
    }
    retried = failed + timedelta(hours=1)
    board.add_finished([PastRuns("a", 1, retried, None, None)])
    assert [(issue.id, issue.dk_attempts) for issue in board.state([]).ready] == [("a", 1)]
    board.add_finished([PastRuns("a", 0, retried, None, None, retried, "s-1", "infra")])
    assert board.state([]).ready == []
    board.load([BacklogIssue("a", issue.document(), retried + timedelta(hours=1), "issues.jsonl")])
    assert [issue.id for issue in board.state([]).ready] == ["a"]


def test_tokens_in_use_hold_back_work_that_does_not_fit_but_never_the_only_one() -> None:
    issues = [Issue(id=name, dk_estimated_tokens=700) for name in "ab"]
    state = MemoryStreamState(issues, lambda *_: True)
    scheduler = _scheduler(state, token_budget=1000)
    assert len(scheduler.step(state.now).started) == 1
    assert scheduler.step(state.now).started == []
    state.pass_time()
    assert len(scheduler.step(state.now).started) == 1


def test_a_starving_issue_of_many_tokens_is_not_overtaken_by_smaller_ones() -> None:
    state = MemoryStreamState([Issue(id=f"s{n}", dk_estimated_tokens=400) for n in range(2)], lambda *_: True)
    scheduler = _scheduler(state, token_budget=1000, max_concurrent_workcells=2)
    scheduler.step(state.now)
    state.add(Issue(id="big", dk_estimated_tokens=900))
    started: list[str] = []
    for hour in range(30):
        state.add(Issue(id=f"s{hour + 2}", dk_estimated_tokens=400))
        started += [run.issue_id for run in scheduler.step(state.now).started]
        state.pass_time()
    assert "big" in started
