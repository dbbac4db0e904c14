"""Bars of an execution's timeline: inside their attempt, in the order of what ran."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from bench.ui.views.timeline import WIDTH, timeline_bars
from db.repositories.execution_facts import AttemptFacts, CandidateFacts

START = datetime(2026, 1, 1, tzinfo=UTC)


def attempt(number: int, begin: int, end: int | None) -> AttemptFacts:
    ended = None if end is None else START + timedelta(seconds=end)
    return AttemptFacts(
        number, "m-1", START + timedelta(seconds=begin), ended, "done", None, None, False, None
    )


def candidate(started_at: Any, duration_ms: int = 8000, **parts: Any) -> CandidateFacts:
    return CandidateFacts(
        1, 0, "x1-a1-c0", "failed", None, duration_ms, None, "unknown", {"started_at": started_at, **parts}
    )


def bars(attempts: list[AttemptFacts], candidates: list[CandidateFacts]) -> list[Any]:
    record = SimpleNamespace(attempts=attempts, candidates=candidates)
    return timeline_bars(record, START + timedelta(seconds=20))  # type: ignore[arg-type]


def test_rounds_and_gates_are_placed_back_from_the_end_of_their_candidate() -> None:
    each = candidate(
        START.timestamp() + 1,
        rounds=[{"toolchain": "claude", "duration_ms": 4000, "status": "success"}],
        gates=[{"name": "test", "passed": False, "duration_ms": 2000}],
    )
    shown = [(b.label, b.begin_ms, b.took_ms, b.x, b.width) for b in bars([attempt(1, 0, 10)], [each])]
    assert shown == [
        ("attempt 1 on m-1", 0, 10_000, 0, WIDTH),
        ("candidate 0", 1000, 8000, 100, 800),
        ("fetch and set up", 1000, 2000, 100, 200),
        ("round 1: claude", 3000, 4000, 300, 400),
        ("gate test", 7000, 2000, 700, 200),
    ]


def test_a_running_attempt_ends_now_and_a_second_one_keeps_the_gap() -> None:
    first, second = bars([attempt(1, 0, 5), attempt(2, 10, None)], [])
    assert (first.width, second.x, second.width, second.outcome) == (250, 500, 500, "running")


def test_times_that_a_worker_invents_stay_on_the_scale() -> None:
    for started in (1e300, -1e300, "x", None, True, START.timestamp() + 99):
        shown = bars(
            [attempt(1, 0, 10)],
            [candidate(started, 10**12, gates=[{"name": "g", "duration_ms": 1e300}], rounds=7)],
        )
        assert all(bar.x >= 0 and bar.width > 0 and bar.x + bar.width <= WIDTH for bar in shown), started


def test_there_is_no_bar_before_a_machine_claimed_it() -> None:
    assert bars([], []) == []
