"""One tick of the coordinator.

Idempotent: it may run many times at once and be killed between any two statements, for every step is one
transaction that checks again what it changes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bench.pauses import pause_line
from db.repositories.circuits import PausedClass
from db.repositories.ticks import OpenBench
from workers.broker.doorbell import WINDOW, Doorbell, DoorbellError, doorbells_to_ring

# Machines start on the first cases while the rest is still being admitted.
_RING_FIRST, _RING_EVERY = 8, 64


class FarmState(Protocol):
    """The queries and commands of a tick on the database."""

    def open_benches(self) -> list[OpenBench]: ...
    def next_case(self, bench_id: str) -> tuple[int, str] | None: ...
    def pending_cases(self, bench_id: str) -> list[int]: ...
    def admit(self, case_id: int) -> str: ...
    def take_back(self, bench_id: str) -> int: ...
    def brake(self) -> int: ...
    def reap(self) -> int: ...
    def ready_by_queue(self, window: int) -> dict[str, int]: ...
    def paused_classes(self) -> list[PausedClass]: ...
    def decidable_cases(self, limit: int = 200) -> list[int]: ...
    def finish_benches(self) -> list[str]: ...


@dataclass
class TickReport:
    """Counts of what one tick changed."""

    admitted: int = 0
    skipped: int = 0
    reaped: int = 0
    braked: int = 0
    rung: int = 0
    decided: int = 0
    finished: list[str] = field(default_factory=list)
    bell_error: str | None = None
    paused: dict[str, str] | None = None
    """The paused classes, each with its reason and next probe; None where the tick did not run to its end."""

    @property
    def idle(self) -> bool:
        """Nothing changed: the next tick may come later."""
        return not (
            self.admitted
            or self.skipped
            or self.reaped
            or self.braked
            or self.rung
            or self.decided
            or self.finished
        )


def tick(
    state: FarmState, bell: Doorbell, decide: Callable[[Sequence[int]], None], race: Callable[[str], None]
) -> TickReport:
    """Reap expired leases, preempt what runs above a lowered cap, decide finished cases, drop arms that lost a race,
    admit cases that fit under the caps, and send doorbell messages for ready executions.
    """
    report = TickReport(reaped=state.reap(), braked=state.brake())
    while cases := state.decidable_cases():
        decide(cases)
        report.decided += len(cases)
    for bench in state.open_benches():
        if bench.halted:
            state.take_back(bench.bench_id)
            continue
        if bench.racing:
            race(bench.bench_id)
        _admit(state, bell, bench, report)
    report.finished = state.finish_benches()
    _ring(state, bell, report)
    report.paused = {each.queue: pause_line(each) for each in state.paused_classes()}
    return report


def _admit(state: FarmState, bell: Doorbell, bench: OpenBench, report: TickReport) -> None:
    strict = bench.limited or bench.racing
    for case_id in (_in_strict_order if strict else _as_checked)(state, bench.bench_id):
        verdict = state.admit(case_id)
        report.admitted += verdict == "admitted"
        report.skipped += verdict.startswith("never")
        if verdict.startswith("waits"):
            return
        if verdict == "admitted" and report.admitted % _RING_EVERY == _RING_FIRST and not report.bell_error:
            _ring(state, bell, report)


def _in_strict_order(state: FarmState, bench_id: str) -> Iterator[int]:
    """Cases in the seeded order; head-of-line blocking by a case whose gates are still being checked."""
    seen: set[int] = set()
    while (head := state.next_case(bench_id)) is not None:
        case_id, case_state = head
        if case_state == "checking" or case_id in seen:
            return
        seen.add(case_id)
        yield case_id


def _as_checked(state: FarmState, bench_id: str) -> Iterator[int]:
    yield from state.pending_cases(bench_id)


def _ring(state: FarmState, bell: Doorbell, report: TickReport) -> None:
    try:
        for queue, ready in state.ready_by_queue(WINDOW).items():
            bells = doorbells_to_ring(ready, bell.waiting(queue))
            if bells:
                bell.ring(queue, bells)
            report.rung += bells
    except DoorbellError as error:
        report.bell_error = str(error)
