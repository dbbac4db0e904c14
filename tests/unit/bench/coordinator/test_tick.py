"""What one tick does, on a state in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.coordinator.tick import tick
from db.repositories.circuits import PausedClass
from db.repositories.ticks import OpenBench
from workers.broker.doorbell import WINDOW, DoorbellError
from workers.testing import RecordingDoorbell


@dataclass
class StateInMemory:
    """Cases by admission order, with a verdict for each that is asked."""

    benches: list[OpenBench] = field(default_factory=list)
    cases: list[list[object]] = field(default_factory=list)
    """[case id, state]"""
    verdicts: dict[int, str] = field(default_factory=dict)
    decidable: list[int] = field(default_factory=list)
    ready: dict[str, int] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    taken_back: list[str] = field(default_factory=list)
    decided: list[int] = field(default_factory=list)
    raced: list[str] = field(default_factory=list)
    paused: list[PausedClass] = field(default_factory=list)

    def open_benches(self) -> list[OpenBench]:
        return self.benches

    def next_case(self, bench_id: str) -> tuple[int, str] | None:
        waiting = [case for case in self.cases if case[1] in ("checking", "pending")]
        return (int(str(waiting[0][0])), str(waiting[0][1])) if waiting else None

    def pending_cases(self, bench_id: str) -> list[int]:
        return [int(str(case[0])) for case in self.cases if case[1] == "pending"]

    def admit(self, case_id: int) -> str:
        self.asked.append(case_id)
        verdict = self.verdicts.get(case_id, "admitted")
        if not verdict.startswith("waits"):
            next(case for case in self.cases if case[0] == case_id)[1] = "over"
        return verdict

    def take_back(self, bench_id: str) -> int:
        self.taken_back.append(bench_id)
        return 0

    def reap(self) -> int:
        return 0

    def brake(self) -> int:
        return 0

    def ready_by_queue(self, window: int) -> dict[str, int]:
        return {queue: min(count, window) for queue, count in self.ready.items()}

    def decidable_cases(self, limit: int = 200) -> list[int]:
        return [case for case in self.decidable if case not in self.decided]

    def finish_benches(self) -> list[str]:
        return []

    def paused_classes(self) -> list[PausedClass]:
        return self.paused

    def decide(self, cases: Sequence[int]) -> None:
        self.decided += cases


def _limited(*cases: tuple[int, str], **verdicts: str) -> StateInMemory:
    return StateInMemory(
        benches=[OpenBench("b", halted=False, limited=True)],
        cases=[list(case) for case in cases],
        verdicts={int(name[1:]): verdict for name, verdict in verdicts.items()},
    )


def test_under_a_limit_a_case_that_is_still_checked_holds_up_the_rest() -> None:
    state = _limited((1, "pending"), (2, "checking"), (3, "pending"))
    report = tick(state, RecordingDoorbell(), state.decide, state.raced.append)
    assert state.asked == [1]
    assert report.admitted == 1


def test_under_a_limit_a_case_that_waits_holds_up_the_rest() -> None:
    state = _limited((1, "pending"), (2, "pending"), (3, "pending"), c2="waits: dollars per bench")
    tick(state, RecordingDoorbell(), state.decide, state.raced.append)
    assert state.asked == [1, 2]


def test_a_case_that_can_never_fit_is_skipped_and_the_next_is_asked() -> None:
    state = _limited((1, "pending"), (2, "pending"), c1="never: dollars per case")
    report = tick(state, RecordingDoorbell(), state.decide, state.raced.append)
    assert (report.skipped, report.admitted) == (1, 1)


def test_without_a_limit_cases_are_admitted_as_they_were_checked() -> None:
    state = _limited((1, "checking"), (2, "pending"), (3, "pending"))
    state.benches = [OpenBench("b", halted=False, limited=False)]
    assert tick(state, RecordingDoorbell(), state.decide, state.raced.append).admitted == 2


def test_a_halted_bench_admits_nothing_and_gives_back() -> None:
    state = _limited((1, "pending"))
    state.benches = [OpenBench("b", halted=True, limited=True)]
    tick(state, RecordingDoorbell(), state.decide, state.raced.append)
    assert (state.asked, state.taken_back) == ([], ["b"])


def test_every_finished_case_is_decided() -> None:
    state = StateInMemory(decidable=[4, 5])
    assert tick(state, RecordingDoorbell(), state.decide, state.raced.append).decided == 2
    assert state.decided == [4, 5]


def test_bells_follow_the_work_and_are_not_doubled() -> None:
    bell, state = RecordingDoorbell(), StateInMemory(ready={"repair": 5, "claude": 1000})
    tick(state, bell, state.decide, state.raced.append)
    tick(state, bell, state.decide, state.raced.append)
    assert bell.rung == {"repair": 5, "claude": WINDOW}
    bell.consume("repair", 2)
    tick(state, bell, state.decide, state.raced.append)
    assert bell.rung["repair"] == 7


def test_a_broker_that_is_away_does_not_stop_the_tick() -> None:
    class Dead(RecordingDoorbell):
        def waiting(self, queue: str) -> int:
            raise DoorbellError("the broker does not answer")

    state = _limited((1, "pending"))
    state.ready = {"repair": 1}
    report = tick(state, Dead(), state.decide, state.raced.append)
    assert report.admitted == 1
    assert report.bell_error
