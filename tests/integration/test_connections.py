"""Every connection is the farm's own: whatever libpq's variables say, and with a pooler between."""

import time
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from db.engine import open_engine, transaction
from db.leader_election import LeaderElection
from db.upgrade import schema_status, upgrade
from tests.fixtures.pooler import behind_a_pooler, pooler

_SETTINGS = ("DateStyle", "TimeZone", "client_encoding", "idle_in_transaction_session_timeout")


def settings_of(connection: sa.Connection) -> list[str]:
    return [str(connection.scalar(sa.text(f"SHOW {name}"))) for name in _SETTINGS]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGTZ", "Not/AZone"),
        ("PGDATESTYLE", "German"),
        ("PGCLIENTENCODING", "SQL_ASCII"),
        ("PGTZ", "Asia/Tokyo"),
    ],
)
def test_a_connection_outweighs_the_variables_that_would_break_it(
    name: str, value: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    engine = open_engine(database_url, "test")
    with engine.connect() as connection:
        assert settings_of(connection) == ["ISO, MDY", "UTC", "UTF8", "1min"]
        moment = connection.scalar(sa.text("SELECT timestamptz '2026-02-01 00:00Z'"))
        assert moment.isoformat() == datetime(2026, 2, 1, tzinfo=UTC).isoformat()
        assert connection.scalar(sa.text("SELECT 'é'")) == "é"
    engine.dispose()


@behind_a_pooler
def test_transactions_that_wander_between_sessions_are_the_farms_in_each(database_url: str) -> None:
    with pooler(database_url) as url:
        engine = open_engine(url, "test", pool_size=3)
        statement = sa.text("SELECT count(*) FROM farm.issues WHERE issue_id = :name")
        for _ in range(12):
            # More than once the same statement, in whatever session is free: nothing may have been prepared there.
            with engine.connect() as one, engine.connect() as other:
                for connection in (one, other, one):
                    assert connection.scalar(statement, {"name": "a"}) == 0
                    assert settings_of(connection)[:3] == ["ISO, MDY", "UTC", "UTF8"]
                    connection.rollback()
        engine.dispose()


@behind_a_pooler
def test_a_schema_is_made_behind_a_pooler(empty_database_url: str) -> None:
    with pooler(empty_database_url) as url:
        engine = open_engine(url, "test")
        upgrade(engine)
        upgrade(engine)
        assert schema_status(engine) == "current"
        engine.dispose()


@behind_a_pooler
def test_a_turn_behind_a_pooler_is_one_holders_until_it_ends(database_url: str, engine: sa.Engine) -> None:
    with pooler(database_url) as url:
        engines = [open_engine(url, name, pool_size=2) for name in ("one", "other")]
        one, other = (LeaderElection(each) for each in engines)
        for _ in range(3):
            assert one.is_leader()
            assert not other.is_leader()
        assert "one" in other.leader()
        with transaction(engine) as connection:
            # It keeps its session, and no vacuum waiting.
            query = sa.text("SELECT backend_xmin FROM pg_stat_activity JOIN farm.turns ON pid = holder_pid")
            assert connection.execute(query).all() == [(None,)]
        one.resign()
        # The pooler ends the server's session when it notices, not when its client goes.
        deadline = time.monotonic() + 10
        while not other.is_leader():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not one.is_leader()
        for election in (one, other):
            election.resign()
        for each in engines:
            each.dispose()
