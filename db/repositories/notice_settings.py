"""Settings of notices that hold for the whole farm, one JSON document in `farm.settings`."""

import json
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from db.engine import transaction

_KEY = "notices"
_GET = sa.text("SELECT value FROM farm.settings WHERE key = :key")
_SET = sa.text("""
    INSERT INTO farm.settings (key, value) VALUES (:key, CAST(:value AS jsonb))
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value""")


class NoticeSettings(NamedTuple):
    """When notices of caps and streams are due, and where their links lead."""

    cap_percent: int = 80
    """Share of a cap, in percent, from which on there is a warning."""
    starving_minutes: int = 30
    """How long ready work of a stream waits until there is a notice."""
    page_url: str | None = None
    """Address of the page; links of notices begin with it."""


def read_notice_settings(connection: sa.Connection) -> NoticeSettings:
    """The stored settings; defaults for those that are not stored."""
    stored = cast("dict[str, Any] | None", connection.scalar(_GET, {"key": _KEY})) or {}
    known = {name: value for name, value in stored.items() if name in NoticeSettings._fields}
    return NoticeSettings(**known)


def change_notice_settings(engine: sa.Engine, changes: dict[str, int | str | None]) -> NoticeSettings:
    """Store `changes` of fields; the others stay. Returns the settings after it."""
    with transaction(engine) as connection:
        settings = read_notice_settings(connection)._replace(**changes)  # type: ignore[arg-type]
        connection.execute(_SET, {"key": _KEY, "value": json.dumps(settings._asdict())})
    return settings
