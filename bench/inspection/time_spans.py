"""Time spans of an execution: attempts, candidates, and in them preparation, rounds and gates."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NamedTuple

from bench.inspection.execution import ExecutionRecord
from bench.inspection.reported import gates_of, rounds_of
from db.repositories.execution_facts import AttemptFacts, CandidateFacts

Kind = Literal["attempt", "candidate", "prepare", "round", "gate"]


class TimeSpan(NamedTuple):
    """What ran from `begin` to `end`, in ms since 1970."""

    label: str
    kind: Kind
    begin: float
    end: float
    outcome: str
    """How it ended, in a word."""
    attempt: int
    candidate: int | None = None
    """None of an attempt."""
    number: int = 0
    """Of a round or gate, in the order in which they ran, from 0."""


def time_spans(record: ExecutionRecord, now: datetime) -> Iterator[TimeSpan]:
    """The spans, attempts before what ran in them; none before a machine claimed it.

    `now` ends what still runs. A candidate records how long its rounds and gates took and not when they began: they
    are placed back from its end, and what is left before them is its preparation.
    """
    for attempt in record.attempts:
        whole = _attempt_span(attempt, now)
        yield whole
        for each in record.candidates:
            if each.attempt == attempt.attempt:
                yield from _candidate_spans(each, whole)


def _attempt_span(attempt: AttemptFacts, now: datetime) -> TimeSpan:
    begin = attempt.claimed_at.timestamp() * 1000
    end = (attempt.ended_at or now).timestamp() * 1000
    ending = attempt.ending if attempt.ended_at is not None else "running"
    label = f"attempt {attempt.attempt} on {attempt.machine_id}"
    return TimeSpan(label, "attempt", begin, max(begin, end), ending, attempt.attempt)


def _candidate_spans(each: CandidateFacts, whole: TimeSpan) -> Iterator[TimeSpan]:
    """The candidate and its parts, kept inside its attempt: a worker reported their times."""
    started = each.document.get("started_at")
    begin = started * 1000 if isinstance(started, int | float) and abs(started) < 1e12 else whole.begin
    begin = min(max(begin, whole.begin), whole.end)
    end = min(begin + each.duration_ms, whole.end)
    keys = (each.attempt, each.candidate)
    yield TimeSpan(f"candidate {each.candidate}", "candidate", begin, end, each.status, *keys)
    parts = [*_rounds(each), *_gates(each)]
    at = max(begin, end - sum(took for _, _, took, _, _ in parts))
    if parts and at - begin >= 1:
        yield TimeSpan("fetch and set up", "prepare", begin, at, "", *keys)
    for label, kind, took, outcome, number in parts:
        until = min(end, at + took)
        yield TimeSpan(label, kind, at, until, outcome, *keys, number)
        at = until


def _rounds(each: CandidateFacts) -> Iterator[tuple[str, Kind, float, str, int]]:
    for number, played in enumerate(rounds_of(each.document)):
        yield (
            f"round {number + 1}: {played.toolchain}",
            "round",
            played.duration_ms or 0,
            played.status,
            number,
        )


def _gates(each: CandidateFacts) -> Iterator[tuple[str, Kind, float, str, int]]:
    for number, gate in enumerate(gates_of(each.document)):
        ended = "passed" if gate.passed else "failed"
        yield f"gate {gate.name}", "gate", gate.duration_ms or 0, ended, number
