"""RFC 3339 timestamps in UTC, as all documents and reports write them."""

from datetime import UTC, datetime
from typing import Literal

TimeSpec = Literal["auto", "seconds", "milliseconds", "microseconds"]


def rfc3339(moment: datetime, timespec: TimeSpec = "auto") -> str:
    """`moment` as `2026-01-31T12:00:00Z`; with "auto" it has microseconds where they are not 0.

    Raises `ValueError` for a time without a zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be written as UTC")
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def rfc3339_now() -> str:
    """The current time."""
    return rfc3339(datetime.now(UTC))
