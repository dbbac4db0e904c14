"""Timeline of an execution as bars: attempts, candidates, and in them preparation, rounds and gates."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal, NamedTuple

from bench.inspection.execution import ExecutionRecord
from bench.inspection.reported import gates_of, rounds_of
from db.repositories.execution_facts import AttemptFacts, CandidateFacts

WIDTH: Final = 1000
"""Units of the whole scale."""
_LEAST: Final = 4
_MOST_BARS: Final = 200
Kind = Literal["attempt", "candidate", "prepare", "round", "gate"]


class TimelineBar(NamedTuple):
    """A bar: `x` and `width` in units of the scale, times in ms after the start of the scale."""

    label: str
    kind: Kind
    begin_ms: float
    took_ms: float
    x: int
    width: int
    outcome: str
    """How it ended, in a word."""


class _TimeSpan(NamedTuple):
    label: str
    kind: Kind
    begin: float
    end: float
    outcome: str


def timeline_bars(record: ExecutionRecord, now: datetime) -> list[TimelineBar]:
    """The bars in the order of their start, attempts before what ran in them; none before a machine claimed it.

    `now` ends what still runs. A candidate records how long its rounds and gates took and not when they began: they
    are placed back from its end, and what is left before them is its preparation.
    """
    if not record.attempts:
        return []
    spans: list[_TimeSpan] = []
    for attempt in record.attempts:
        whole = _attempt_span(attempt, now)
        spans.append(whole)
        for each in record.candidates:
            if each.attempt == attempt.attempt:
                spans += _candidate_spans(each, whole)
    zero = min(span.begin for span in spans)
    length = max(1.0, max(span.end for span in spans) - zero)
    return [_bar(span, zero, length) for span in spans[:_MOST_BARS]]


def _attempt_span(attempt: AttemptFacts, now: datetime) -> _TimeSpan:
    begin = attempt.claimed_at.timestamp() * 1000
    end = (attempt.ended_at or now).timestamp() * 1000
    ending = attempt.ending if attempt.ended_at is not None else "running"
    return _TimeSpan(
        f"attempt {attempt.attempt} on {attempt.machine_id}", "attempt", begin, max(begin, end), ending
    )


def _candidate_spans(each: CandidateFacts, whole: _TimeSpan) -> Iterator[_TimeSpan]:
    """The candidate and its parts, kept inside its attempt: a worker reported their times."""
    started = each.document.get("started_at")
    begin = started * 1000 if isinstance(started, int | float) and abs(started) < 1e12 else whole.begin
    begin = min(max(begin, whole.begin), whole.end)
    end = min(begin + each.duration_ms, whole.end)
    yield _TimeSpan(f"candidate {each.candidate}", "candidate", begin, end, each.status)
    rounds, gates = rounds_of(each.document), gates_of(each.document)
    parts: list[tuple[str, Kind, float, str]] = [
        (f"round {number}: {played.toolchain}", "round", played.duration_ms or 0, played.status)
        for number, played in enumerate(rounds, 1)
    ]
    parts += [
        (f"gate {gate.name}", "gate", gate.duration_ms or 0, "passed" if gate.passed else "failed")
        for gate in gates
    ]
    at = max(begin, end - sum(took for _, _, took, _ in parts))
    if parts and at - begin >= 1:
        yield _TimeSpan("fetch and set up", "prepare", begin, at, "")
    for label, kind, took, outcome in parts:
        until = min(end, at + took)
        yield _TimeSpan(label, kind, at, until, outcome)
        at = until


def _bar(span: _TimeSpan, zero: float, length: float) -> TimelineBar:
    width = max(_LEAST, round(WIDTH * (span.end - span.begin) / length))
    x = min(WIDTH - _LEAST, round(WIDTH * (span.begin - zero) / length))
    return TimelineBar(
        span.label,
        span.kind,
        span.begin - zero,
        span.end - span.begin,
        x,
        min(width, WIDTH - x),
        span.outcome,
    )
