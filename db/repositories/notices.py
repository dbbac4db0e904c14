"""Notices: their targets, the events that were noticed, and the outbox of deliveries."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple, cast
from uuid import uuid4

import sqlalchemy as sa

from db.engine import transaction
from db.rows import read_rows, rows_of
from db.states import DeliveryState, NoticeKind, NoticeTargetType

_TARGETS = sa.text("""
    SELECT name, type, url, url_variable, secret_variable, secret_file, kinds, added_at
    FROM farm.notice_targets ORDER BY name""")
_ADD = sa.text("""
    INSERT INTO farm.notice_targets (name, type, url, url_variable, secret_variable, secret_file, kinds)
    VALUES (:name, :type, :url, :url_variable, :secret_variable, :secret_file, :kinds)
    ON CONFLICT (name) DO NOTHING""")
# Once an event, whoever notices it; only to targets that were there when it happened, and that want its kind.
_STORE = sa.text("""
    WITH stored AS (
        INSERT INTO farm.notices (notice_id, key, kind, at, bench_id, subject, text)
        VALUES (:notice_id, :key, :kind, :at, :bench_id, :subject, :text)
        ON CONFLICT (key) DO NOTHING RETURNING notice_id, kind, at
    ), queued AS (
        INSERT INTO farm.notice_deliveries (notice_id, target)
        SELECT s.notice_id, t.name FROM stored s JOIN farm.notice_targets t
            ON t.added_at <= s.at AND (t.kinds = '{}' OR s.kind = ANY (t.kinds)))
    SELECT count(*) FROM stored""")
# The lease of a try: whoever finds it over, as after a crash between request and reply, tries again.
_CLAIM = sa.text("""
    WITH due AS (
        SELECT notice_id, target FROM farm.notice_deliveries WHERE state = 'due' AND next_at <= now()
        ORDER BY next_at, notice_id LIMIT 1 FOR UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE farm.notice_deliveries d
        SET tries = tries + 1, tried_at = now(), next_at = now() + make_interval(secs => :lease_seconds)
        FROM due WHERE d.notice_id = due.notice_id AND d.target = due.target
        RETURNING d.notice_id, d.target, d.tries)
    SELECT n.notice_id, n.kind, n.at, n.bench_id, n.subject, n.text, c.target, c.tries,
           extract(epoch FROM now() - n.noticed_at)::double precision AS age_seconds
    FROM claimed c JOIN farm.notices n USING (notice_id)""")
_SENT = sa.text("""
    UPDATE farm.notice_deliveries SET state = 'sent', answer = :answer
    WHERE notice_id = :notice_id AND target = :target AND state = 'due'""")
# Fenced by the number of the try: a late reply does not end the lease of the next one.
_FAILED = sa.text("""
    UPDATE farm.notice_deliveries SET state = 'failed', answer = :answer
    WHERE notice_id = :notice_id AND target = :target AND state = 'due' AND tries = :tries""")
_RETRY = sa.text("""
    UPDATE farm.notice_deliveries SET next_at = now() + make_interval(secs => :seconds), answer = :answer
    WHERE notice_id = :notice_id AND target = :target AND state = 'due' AND tries = :tries""")
_PUT_OFF = sa.text("""
    UPDATE farm.notice_deliveries SET next_at = now() + make_interval(secs => :seconds)
    WHERE target = :target AND state = 'due' AND next_at < now() + make_interval(secs => :seconds)""")
_RECENT = sa.text("""
    SELECT n.notice_id, n.kind, n.at, n.bench_id, n.subject, d.target, d.state, d.tries, d.next_at, d.tried_at,
           d.answer
    FROM farm.notices n LEFT JOIN farm.notice_deliveries d USING (notice_id)
    WHERE CAST(:state AS text) IS NULL OR d.state = :state
    ORDER BY n.noticed_at DESC, n.notice_id, d.target LIMIT :most""")
_SETTING = sa.text("SELECT value FROM farm.settings WHERE key = :key")
_SET = sa.text("""
    INSERT INTO farm.settings (key, value) VALUES (:key, CAST(:value AS jsonb))
    ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value""")
_DAY = "notices_drift_day"


class NoticeTarget(NamedTuple):
    """Where notices go. Holds no secret, only the name of a variable or the path of a file with one."""

    name: str
    type: NoticeTargetType
    url: str | None
    url_variable: str | None
    secret_variable: str | None
    secret_file: str | None
    kinds: list[str]
    """Only these; empty: all."""
    added_at: datetime


class Notice(NamedTuple):
    """An event that a person should know."""

    key: str
    """Identifies the event: the same event, noticed again, has the same key."""
    kind: NoticeKind
    at: datetime
    bench_id: str | None
    subject: str
    text: str


class ClaimedDelivery(NamedTuple):
    """One try to deliver a notice to a target, leased to this process."""

    notice_id: str
    kind: NoticeKind
    at: datetime
    bench_id: str | None
    subject: str
    text: str
    target: str
    tries: int
    """This one included."""
    age_seconds: float
    """Since the event was noticed."""


class NoticeDelivery(NamedTuple):
    """A notice and its delivery to one target; without a target where none wanted it."""

    notice_id: str
    kind: NoticeKind
    at: datetime
    bench_id: str | None
    subject: str
    target: str | None
    state: DeliveryState | None
    tries: int | None
    next_at: datetime | None
    tried_at: datetime | None
    answer: str | None


class Notices:
    """Targets, notices and their outbox. Every method is safe to run many times at once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def targets(self) -> list[NoticeTarget]:
        """All targets, by name."""
        return read_rows(self._engine, NoticeTarget, _TARGETS)

    def named_variables(self) -> set[str]:
        """The names of all variables that hold addresses and secrets of targets."""
        pairs = ((target.url_variable, target.secret_variable) for target in self.targets())
        return {name for pair in pairs for name in pair if name is not None}

    def add_target(self, target: NoticeTarget) -> bool:
        """Store a target from now on, whatever its `added_at`; False where its name is taken."""
        with transaction(self._engine) as connection:
            return connection.execute(_ADD, target._asdict()).rowcount > 0

    def remove_target(self, name: str) -> bool:
        """Delete a target with its deliveries; False where there is none of that name."""
        statement = sa.text("DELETE FROM farm.notice_targets WHERE name = :name")
        with transaction(self._engine) as connection:
            return connection.execute(statement, {"name": name}).rowcount > 0

    def store(self, notices: Sequence[Notice]) -> int:
        """Store notices that are not stored yet, with a delivery to each target; returns how many were new."""
        new = 0
        for notice in notices:
            with transaction(self._engine) as connection:
                values = {**notice._asdict(), "notice_id": f"msg_{uuid4().hex}"}
                new += cast(int, connection.scalar(_STORE, values))
        return new

    def claim(self, lease_seconds: float) -> ClaimedDelivery | None:
        """Lease the delivery that has been due longest; None where none is due."""
        with transaction(self._engine) as connection:
            rows = rows_of(ClaimedDelivery, connection.execute(_CLAIM, {"lease_seconds": lease_seconds}))
        return rows[0] if rows else None

    def sent(self, delivery: ClaimedDelivery, answer: str) -> None:
        """Mark a delivery as sent."""
        self._mark(_SENT, delivery, answer)

    def failed(self, delivery: ClaimedDelivery, answer: str) -> None:
        """Mark a delivery as failed for good."""
        self._mark(_FAILED, delivery, answer)

    def retry(self, delivery: ClaimedDelivery, answer: str, seconds: float) -> None:
        """Make a delivery due again in so many seconds; all others of its target wait at least as long."""
        self._mark(_RETRY, delivery, answer, seconds)

    def _mark(
        self, statement: sa.TextClause, delivery: ClaimedDelivery, answer: str, put_off: float | None = None
    ) -> None:
        values = {**delivery._asdict(), "answer": answer, "seconds": put_off}
        with transaction(self._engine) as connection:
            connection.execute(statement, values)
            if put_off is not None:
                connection.execute(_PUT_OFF, values)

    def recent(self, most: int, state: DeliveryState | None = None) -> list[NoticeDelivery]:
        """The newest notices with their deliveries, at most `most` rows; with `state`, only deliveries in it."""
        return read_rows(self._engine, NoticeDelivery, _RECENT, {"most": most, "state": state})

    def drift_day(self) -> date | None:
        """The day (UTC) of the last test for drift; None where there was none."""
        with self._engine.connect() as connection:
            day = cast("str | None", connection.scalar(_SETTING, {"key": _DAY}))
        return None if day is None else date.fromisoformat(day)

    def set_drift_day(self, day: date) -> None:
        """Store the day (UTC) of a test for drift."""
        with transaction(self._engine) as connection:
            connection.execute(_SET, {"key": _DAY, "value": f'"{day}"'})
