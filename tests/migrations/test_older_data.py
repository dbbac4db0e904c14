"""A farm that was filled under the first revision keeps all it holds, and goes on working."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from db.engine import open_engine, transaction
from db.repositories.leases import Leases
from db.repositories.streams import Streams
from db.upgrade import alembic_config, schema_status, upgrade
from tests.fixtures.invariants import assert_sound
from tests.fixtures.rows import admit_all, claim, make_bench, result, store_issues

Rows = list[dict[str, Any]]
_FILLED = {
    "benches",
    "cases",
    "arms",
    "executions",
    "attempts",
    "outcomes",
    "caps",
    "ledger",
    "issues",
    "queues",
}


@pytest.fixture
def old(empty_database_url: str) -> Iterator[sa.Engine]:
    """A database of revision 0001 with a bench half done in it."""
    engine = open_engine(empty_database_url, "test")
    try:
        upgrade(engine)
        store_issues(engine, "test", [{"id": "i1", "title": "one"}, {"id": "i2", "title": "zwei ✓"}])
        admit_all(engine, make_bench(engine, cases=2, arms=2))
        _finish(engine, "success")
        _finish(engine, "failed")
        with transaction(engine) as connection:
            command.downgrade(alembic_config(connection), "0001")
        yield engine
    finally:
        engine.dispose()


def _finish(engine: sa.Engine, status: str) -> None:
    Leases(engine).complete(*claim(engine).key, result(status), None)


def _tables(engine: sa.Engine) -> dict[str, Rows]:
    names = sa.text("""
        SELECT tablename FROM pg_tables WHERE schemaname = 'farm' AND tablename <> 'alembic_version'""")
    with engine.connect() as connection:
        return {
            name: list(connection.scalars(sa.text(f"SELECT to_jsonb(t) FROM farm.{name} t ORDER BY t::text")))
            for name in connection.scalars(names)
        }


def test_an_upgrade_keeps_every_value_of_every_row_and_the_farm_goes_on(old: sa.Engine) -> None:
    before = _tables(old)
    assert {name for name, rows in before.items() if rows} >= _FILLED
    assert not {"run_no", "decision"} & set(before["cases"][0])
    upgrade(old)
    assert schema_status(old) == "current"
    after = _tables(old)
    for name, rows in before.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[name]] if rows else after[name]
        assert sorted(kept, key=str) == sorted(rows, key=str), name
    assert {row["kind"] for row in after["benches"]} == {"bench"}
    assert {(row["run_no"], row["decision"]) for row in after["cases"]} == {(0, None)}
    _finish(old, "success")
    assert_sound(old)
    assert Streams(old).snapshot() == ([], [])
