"""Span of a trace, as OpenTelemetry defines it, with ids derived from what it is of."""

import hashlib
from dataclasses import dataclass, field

AttributeValue = str | int | float | bool


@dataclass(frozen=True)
class TraceSpan:
    """One span. Its key is unique in its trace; the same key has the same id in every export."""

    trace: str
    """What the trace is of, such as `execution b-20260501-k3f9q/17`."""
    key: str
    parent: str | None
    """The key of its parent, in the same trace."""
    name: str
    begin_ms: float
    """Since 1970."""
    end_ms: float
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    error: str | None = None
    """Why it failed; None where it did not."""
    link: tuple[str, str] | None = None
    """Trace and key of a span that caused it."""


def trace_id_of(trace: str) -> int:
    """128 bits of the SHA-256 of its name; never 0, which is no valid id."""
    return _bits(trace, 16)


def span_id_of(trace: str, key: str) -> int:
    """64 bits of the SHA-256 of its trace and key."""
    return _bits(f"{trace}\0{key}", 8)


def _bits(text: str, count: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:count]) or 1
