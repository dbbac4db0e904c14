"""Timeline of an execution as bars, on a scale from its first claim to its end."""

from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from bench.inspection.execution import ExecutionRecord
from bench.inspection.time_spans import Kind, TimeSpan, time_spans

WIDTH: Final = 1000
"""Units of the whole scale."""
_LEAST: Final = 4
_MOST_BARS: Final = 200


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


def timeline_bars(record: ExecutionRecord, now: datetime) -> list[TimelineBar]:
    """The bars in the order of their start, attempts before what ran in them; none before a machine claimed it."""
    spans = list(time_spans(record, now))
    if not spans:
        return []
    zero = min(span.begin for span in spans)
    length = max(1.0, max(span.end for span in spans) - zero)
    return [_bar(span, zero, length) for span in islice(spans, _MOST_BARS)]


def _bar(span: TimeSpan, zero: float, length: float) -> TimelineBar:
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
