"""A stream's lines name the execution, and its summary why nothing ran."""

import pytest

from bench.cli.stream_log import StreamLog
from bench.config.models import BenchConfig
from bench.intake.issue import Issue
from bench.stream.board import Board
from bench.stream.scheduler import Scheduler
from db.repositories.streams import RunEnd
from planner.host.config import PlannerConfig
from planner.inference import PlannerInference
from tests.unit.bench.stream.memory_state import MemoryStreamState


def scheduler(state: MemoryStreamState, *ids: str) -> Scheduler:
    config = BenchConfig.model_validate({})
    inference = PlannerInference(PlannerConfig(enabled=False))
    return Scheduler(state, Board(1), config, inference, {}, lambda issue: issue.id in ids)


def test_a_finished_run_is_shown_with_execution_reason_and_cost(capsys: pytest.CaptureFixture[str]) -> None:
    state = MemoryStreamState([Issue(id="a")], lambda *_: False)
    log = StreamLog(lambda cases: [RunEnd(case, 4, "timeout", 450_000) for case in cases], "all")
    stream = scheduler(state, "a")
    for _ in range(2):
        log.note_step(stream.step(state.now))
        state.pass_time()
    assert "a: not solved (x4, timeout, $0.4500)\n" in capsys.readouterr().err
    assert "outside" not in log.summary("", stopped=False)


def test_a_stream_whose_slice_has_no_open_issue_shows_so() -> None:
    issues = [Issue(id="a"), Issue(id="b"), Issue(id="c", status="closed")]
    state = MemoryStreamState(issues, lambda *_: True)
    log = StreamLog(lambda _cases: [], "critical")
    log.note_step(scheduler(state, "c").step(state.now))
    assert log.summary("", stopped=False) == (
        "nothing runs and no issue can start: 0 started, 0 held (see: bench queue); "
        "no open issue is in slice critical; 2 are outside"
    )
