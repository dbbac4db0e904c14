"""The schema is proven, not trusted: one head, there and back, and the same everywhere it is written down."""

import random
import threading
from itertools import product

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import IntegrityError

import db.artifact_tables
import db.circuit_tables  # registers all tables, with the next ones
import db.estimate_tables
import db.label_tables
import db.landing_tables
import db.live_tables
import db.lock_tables
import db.money_tables
import db.notice_tables
import db.policy_tables
import db.write_back_tables  # noqa: F401
from db.columns import metadata
from db.engine import open_engine, transaction
from db.errors import DbError
from db.states import TRANSITIONS, ExecutionState
from db.upgrade import alembic_config, check, head_revision, schema_status, upgrade
from tests.fixtures.random_benches import score_at_random
from tests.fixtures.rows import make_bench


@pytest.fixture
def bare(empty_database_url: str):  # type: ignore[no-untyped-def]
    engine = open_engine(empty_database_url, "test")
    yield engine
    engine.dispose()


def objects(engine: sa.Engine) -> list[str]:
    """Every table, view, index, function, trigger and constraint of ours, in words."""
    statement = sa.text("""
        SELECT 'relation ' || c.relkind::text || ' ' || c.oid::regclass::text || ' ' || coalesce(
                   (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || attnotnull::text, ','
                                      ORDER BY attnum)
                    FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), '')
        FROM pg_class c WHERE relnamespace IN ('farm'::regnamespace, 'report'::regnamespace)
        UNION ALL SELECT 'function ' || p.oid::regprocedure::text || md5(prosrc) || coalesce(proacl::text, '')
        FROM pg_proc p
        WHERE pronamespace = 'farm'::regnamespace
        UNION ALL SELECT 'trigger ' || tgname || ' ' || tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'constraint ' || conrelid::regclass::text || conname || pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'farm'::regnamespace
        ORDER BY 1""")
    with engine.connect() as connection:
        return list(connection.scalars(statement))


def test_there_is_one_head() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [head_revision()]


def test_up_down_and_up_again_gives_the_same_schema(bare: sa.Engine) -> None:
    upgrade(bare)
    first = objects(bare)
    with transaction(bare) as connection:
        command.downgrade(alembic_config(connection), "base")
    with bare.connect() as connection:
        left = connection.scalars(
            sa.text("SELECT relname FROM pg_class WHERE relnamespace = 'farm'::regnamespace")
        )
        assert {name for name in left if not name.startswith("alembic_version")} == set()
    assert schema_status(bare) == "older"
    upgrade(bare)
    assert objects(bare) == first
    assert schema_status(bare) == "current"


def test_benches_of_before_there_were_policies_can_be_scored_and_outlive_a_way_back(bare: sa.Engine) -> None:
    upgrade(bare)
    bench = make_bench(bare, cases=3, arms=2)
    with transaction(bare) as connection:
        command.downgrade(alembic_config(connection), "0002")
    kept = rows_of(bare)
    upgrade(bare)
    assert rows_of(bare) == kept
    score_at_random(bare, random.Random(0), [bench], "p-1")
    assert count(bare, "report.policy_actions") == 3
    with transaction(bare) as connection:
        command.downgrade(alembic_config(connection), "0002")
    assert rows_of(bare) == kept
    upgrade(bare)
    check(bare)
    assert count(bare, "report.policies") == count(bare, "report.policy_actions") == 0
    assert rows_of(bare) == kept


def rows_of(engine: sa.Engine) -> list[str]:
    statement = """
        SELECT (to_jsonb(c) - 'design')::text FROM farm.cases c UNION ALL SELECT to_jsonb(a)::text FROM farm.arms a
        ORDER BY 1"""
    with engine.connect() as connection:
        return list(connection.scalars(sa.text(statement)))


def count(engine: sa.Engine, relation: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(f"SELECT count(*) FROM {relation}")) or 0)


def test_a_second_upgrade_changes_nothing(engine: sa.Engine) -> None:
    first = objects(engine)
    upgrade(engine)
    assert objects(engine) == first


def test_the_migrations_make_exactly_the_tables_of_the_program(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: name == "farm" if kind == "schema" else True,
                "version_table_schema": "farm",
                "compare_type": True,
                "target_metadata": metadata,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_the_migrations_make_exactly_the_checks_of_the_program(
    engine: sa.Engine, empty_database_url: str
) -> None:
    made = open_engine(empty_database_url, "test")
    try:
        with transaction(made) as connection:
            connection.execute(sa.text("CREATE SCHEMA farm"))
            connection.execute(sa.text("CREATE SCHEMA report"))
            metadata.create_all(connection)
        migrated = [line for line in objects(engine) if line.startswith(("constraint", "relation"))]
        ours = [
            line
            for line in migrated
            if "alembic_version" not in line and not line.startswith("relation v report.")
        ]
        assert [line for line in objects(made) if line.startswith(("constraint", "relation"))] == ours
    finally:
        made.dispose()


def test_the_database_allows_exactly_the_transitions_of_the_program(engine: sa.Engine) -> None:
    make_bench(engine)
    put = sa.text("""
        UPDATE farm.executions SET state = :state,
            lease_token = CASE WHEN :state = 'running' THEN gen_random_uuid() END,
            lease_until = CASE WHEN :state = 'running' THEN now() END, machine_id = 'm', started_at = now(),
            finished_at = CASE WHEN :state IN ('done', 'error', 'cancelled', 'skipped') THEN now() END""")
    allowed: dict[ExecutionState, set[ExecutionState]] = {state: set() for state in ExecutionState}
    for old, new in product(ExecutionState, ExecutionState):
        with engine.connect() as connection, connection.begin() as work:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
            connection.execute(put, {"state": old})
            connection.execute(sa.text("SET LOCAL session_replication_role = origin"))
            try:
                connection.execute(put, {"state": new})
                allowed[old].add(new)
            except IntegrityError:
                assert old != new
            work.rollback()
    assert {old: news - {old} for old, news in allowed.items()} == {
        old: set(n) for old, n in TRANSITIONS.items()
    }


@pytest.mark.parametrize("table", ["ledger", "outcomes"])
@pytest.mark.parametrize("verb", ["DELETE FROM farm.{}", "UPDATE farm.{} SET attempt = 9"])
def test_what_was_written_down_stays(engine: sa.Engine, table: str, verb: str) -> None:
    make_bench(engine)
    with engine.begin() as connection:
        connection.execute(
            sa.text("""INSERT INTO farm.ledger SELECT execution_id, 1, 'reserve', 1, 1, 1, '2026-01-01'
                       FROM farm.executions""")
        )
        connection.execute(
            sa.text("""INSERT INTO farm.outcomes (execution_id, attempt, status, duration_ms, budget_ms,
                           charged_micro_usd, cost_source)
                       SELECT execution_id, 1, 'failed', 1, 1, 1, 'unknown' FROM farm.executions""")
        )
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(verb.format(table)))


def test_an_empty_database_is_told_to_be_upgraded(bare: sa.Engine) -> None:
    assert schema_status(bare) == "empty"
    with pytest.raises(DbError, match="holds no farm yet; run: bench db upgrade"):
        check(bare)


def test_a_database_with_other_code_is_older_and_an_upgrade_mends_it(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.settings SET value = '\"other\"' WHERE key = 'code_hash'"))
    assert schema_status(engine) == "older"
    with pytest.raises(DbError, match="not of this version; run: bench db upgrade"):
        check(engine)
    upgrade(engine)
    check(engine)


def test_a_newer_database_is_left_alone(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.alembic_version SET version_num = '9999'"))
    before = objects(engine)
    assert schema_status(engine) == "newer"
    for refused in (check, upgrade):
        with pytest.raises(DbError, match="newer than this program; upgrade bench-farm on this machine"):
            refused(engine)
    assert objects(engine) == before


def test_a_schema_that_is_not_ours_is_left_alone(bare: sa.Engine) -> None:
    with bare.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA farm"))
        connection.execute(sa.text("CREATE TABLE farm.cows (name text)"))
    assert schema_status(bare) == "foreign"
    for refused in (check, upgrade):
        with pytest.raises(DbError, match="not a bench farm's; use another database"):
            refused(bare)


def test_upgrades_at_once_take_turns(bare: sa.Engine) -> None:
    start = threading.Barrier(4)
    errors: list[BaseException] = []

    def go() -> None:
        try:
            start.wait()
            upgrade(bare)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    check(bare)
