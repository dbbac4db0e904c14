"""A login that only reads, and one that only works, can neither hold the farm up nor fill its disk."""

import secrets
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from db.engine import open_engine
from db.errors import DbError
from db.leader_election import COORDINATOR, SCHEDULER, LeaderElection
from db.logins import ensure_login, left_open
from db.upgrade import schema_status, upgrade
from tests.fixtures.rows import admit_all, claim, make_bench

LogIn = Callable[..., sa.Engine]
ROLES = ("bench_reader", "bench_worker")
# What used to be the locks of coordinator, stream and upgrade, and a thousand others.
OLD_LOCKS = "SELECT pg_advisory_lock(k) FROM (VALUES (1952674667), (1718382455), (1717662317)) v (k)"
REFUSED = [
    OLD_LOCKS,
    "SELECT pg_try_advisory_lock(g) FROM generate_series(1, 1000) g",
    "SELECT pg_advisory_xact_lock_shared(1, 2)",
    "CREATE TEMPORARY TABLE heap AS SELECT 1 AS one",
    "CREATE TABLE public.heap (one int)",
    "CREATE SCHEMA heap",
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'heap')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_put(1, 0, 'heap')",
    "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000))",
    "LOCK TABLE farm.turns",
    "LOCK TABLE farm.alembic_version IN EXCLUSIVE MODE",
    "SELECT farm.take_turn('coordinator')",
    "UPDATE farm.turns SET fence = 0",
    "SELECT * FROM farm.turns FOR UPDATE",
    "INSERT INTO farm.claims VALUES (gen_random_uuid())",
    "SELECT farm.harmful_functions()",
]


@pytest.fixture
def log_in(engine: sa.Engine) -> Iterator[LogIn]:
    """Opens connections as a fresh login of a role, made as `bench db upgrade` makes it."""
    opened: list[tuple[str, sa.Engine]] = []

    def as_member_of(role: str) -> sa.Engine:
        name, password = f"login_{secrets.token_hex(4)}", secrets.token_hex(8)
        ensure_login(engine, name, role, password)
        url = engine.url.set(username=name, password=password).render_as_string(hide_password=False)
        opened.append((name, open_engine(url, role)))
        return opened[-1][1]

    yield as_member_of
    for name, member in opened:
        member.dispose()
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP ROLE {name}")


def sqlstate_of(engine: sa.Engine, statement: str) -> str | None:
    """How the database refuses a statement; None where it does not."""
    try:
        with engine.begin() as connection:
            connection.execute(sa.text(statement))
    except DBAPIError as error:
        return str(getattr(error.orig, "sqlstate", error))
    return None


@pytest.mark.parametrize("role", ROLES)
def test_neither_role_can_hold_a_lock_fill_the_disk_or_write(log_in: LogIn, role: str) -> None:
    member = log_in(role)
    assert {each: sqlstate_of(member, each) for each in REFUSED} == dict.fromkeys(REFUSED, "42501")


def test_no_function_that_every_login_may_call_makes_locks_or_large_objects(engine: sa.Engine) -> None:
    assert left_open(engine) == []
    with engine.begin() as connection:
        connection.exec_driver_sql("GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO PUBLIC")
        connection.exec_driver_sql(
            f"GRANT TEMPORARY ON DATABASE {connection.scalar(sa.text('SELECT current_database()'))} TO PUBLIC"
        )
    temporary, functions = left_open(engine)
    assert "REVOKE TEMPORARY" in temporary
    assert "1 functions" in functions
    upgrade(engine)
    assert left_open(engine) == []


def test_all_locks_of_before_held_by_a_stranger_hold_up_nothing(engine: sa.Engine) -> None:
    """As where the functions could not be revoked: nothing in the farm waits for an advisory lock."""
    with engine.connect() as stranger:
        stranger.exec_driver_sql(OLD_LOCKS)
        stranger.exec_driver_sql("SELECT pg_advisory_lock(g) FROM generate_series(1, 1000) g")
        coordinator, stream = LeaderElection(engine, COORDINATOR), LeaderElection(engine, SCHEDULER)
        assert coordinator.is_leader()
        assert stream.is_leader()
        upgrade(engine)
        admit_all(engine, make_bench(engine))
        claim(engine)
        with engine.connect() as connection:
            ours = "SELECT prosrc FROM pg_proc WHERE pronamespace = 'farm'::regnamespace AND prosrc ~ 'advisory_'"
            assert [each for each in connection.scalars(sa.text(ours)) if "pg_advisory" in each] == []
        coordinator.resign()
        stream.resign()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("bench_reader", "SELECT * FROM report.benches"),
        ("bench_worker", "SELECT farm.register_machine('m', gen_random_uuid(), '{}', 1)"),
    ],
)
def test_a_transaction_left_open_by_either_keeps_no_upgrade_waiting(
    engine: sa.Engine, log_in: LogIn, role: str, statement: str
) -> None:
    with log_in(role).connect() as lingering:
        lingering.exec_driver_sql("SET idle_in_transaction_session_timeout = 0")
        lingering.exec_driver_sql(statement)
        upgrade(engine)
        with pytest.raises(DBAPIError):
            lingering.exec_driver_sql("SELECT 1")
        lingering.invalidate()
    assert schema_status(engine) == "current"


def test_an_upgrade_that_another_session_holds_up_says_so_in_one_line(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.upgrade._PATIENCE", "200ms")
    with engine.connect() as lingering:
        lingering.exec_driver_sql("SELECT * FROM report.benches")
        with pytest.raises(DbError, match="kept the upgrade waiting for 200ms; end those"):
            upgrade(engine)
    assert schema_status(engine) == "current"


def test_a_login_has_the_limits_of_its_role(log_in: LogIn) -> None:
    def shown(login: sa.Engine, setting: str) -> str:
        with login.connect() as connection:
            return str(connection.scalar(sa.text("SELECT current_setting(:name)"), {"name": setting}))

    reader, worker = log_in("bench_reader"), log_in("bench_worker")
    assert shown(reader, "statement_timeout") == "5min"
    assert shown(reader, "temp_file_limit") == "4GB"
    assert sqlstate_of(reader, "SET temp_file_limit = -1") == "42501"
    assert shown(worker, "statement_timeout") == "0"
    with reader.connect() as connection:
        limit = sa.text("SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user")
        assert connection.scalar(limit) == 10
    for login in (reader, worker):
        with login.connect() as connection:
            setting = sa.text("""
                SELECT setconfig::text FROM pg_db_role_setting
                WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)""")
            assert "idle_in_transaction_session_timeout=1min" in str(connection.scalar(setting))


def test_an_owner_who_is_no_superuser_gets_a_farm_and_hears_what_is_left_open(
    engine: sa.Engine, empty_database_url: str
) -> None:
    owner, password = f"owner_{secrets.token_hex(4)}", secrets.token_hex(8)
    database = sa.make_url(empty_database_url).database
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD '{password}'")
        connection.exec_driver_sql(f"ALTER DATABASE {database} OWNER TO {owner}")
    url = sa.make_url(empty_database_url).set(username=owner, password=password)
    mine = open_engine(url.render_as_string(hide_password=False), "owner")
    try:
        upgrade(mine)
        assert schema_status(mine) == "current"
        (line,) = left_open(mine)
        assert "a superuser revokes that with: bench db upgrade" in line
        first, second = LeaderElection(mine), LeaderElection(mine)
        assert first.is_leader()
        assert not second.is_leader()
        assert "owner" in second.leader()
        first.resign()
        second.resign()
    finally:
        mine.dispose()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"DROP DATABASE {database} WITH (FORCE)")
            connection.exec_driver_sql(f"CREATE DATABASE {database}")
            connection.exec_driver_sql(f"DROP OWNED BY {owner} CASCADE")
            connection.exec_driver_sql(f"DROP ROLE {owner}")
