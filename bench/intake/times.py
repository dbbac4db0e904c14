"""Times as issues carry them, made comparable."""

from datetime import UTC, datetime


def parse_time(text: str) -> datetime | None:
    """A time in UTC; one without a zone is taken as UTC, a date as its midnight. None where it is no time."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
