"""Parsing of issue timestamps into UTC."""

from datetime import UTC, datetime


def parse_time(text: str) -> datetime | None:
    """Parse an ISO 8601 time into UTC: without a zone it is UTC, a date is its midnight. None where it is no time."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
