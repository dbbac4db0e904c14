"""Times as issues carry them, made comparable."""

from datetime import UTC, datetime


def parse_time(text: str) -> datetime | None:
    """A time in UTC; one without a zone is taken as UTC, a date as its midnight. None where it is no time."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC, with microseconds only where there are any."""
    return moment.isoformat().replace("+00:00", "Z")
