"""bench_worker does what a worker does and no more; bench_reader reads all but tokens."""

import random
import secrets
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError

from db.engine import open_engine
from db.repositories.leases import Leases
from db.repositories.machines import Machines
from db.upgrade import schema_status, upgrade
from tests.fixtures.random_benches import score_at_random, write_benches
from tests.fixtures.rows import MACHINE, QUEUE, TOKEN, admit_all, make_bench, result

WORKERS_FUNCTIONS = {
    "claim_execution",
    "heartbeat",
    "complete_execution",
    "release_execution",
    "send_output",
    "farm_id",
    "store_artifacts",
    "report_lost",
    "register_machine",
    "greet_machine",
    "tell_sandbox",
    "schema_version",
}
WRITTEN_BY_OTHERS = {
    "farm.executions",
    "farm.ledger",
    "farm.caps",
    "farm.policies",
    "farm.policy_actions",
    "farm.published_estimates",
    "farm.case_judgements",
    "farm.arm_judgements",
    "farm.policy_estimates",
    "farm.notice_targets",
    "farm.notices",
    "farm.notice_deliveries",
}
_RELATIONS = sa.text("""
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('farm', 'report') AND c.relkind IN ('r', 'v', 'S') ORDER BY 1""")


@pytest.fixture
def log_in(engine: sa.Engine) -> Iterator[Callable[[str], sa.Engine]]:
    """Opens a connection as a fresh login that is a member of a role."""
    opened: list[tuple[str, sa.Engine]] = []

    def as_member_of(role: str) -> sa.Engine:
        name, password = f"login_{secrets.token_hex(4)}", secrets.token_hex(8)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE {role}")
        url = engine.url.set(username=name, password=password).render_as_string(hide_password=False)
        opened.append((name, open_engine(url, role)))
        return opened[-1][1]

    yield as_member_of
    for name, member in opened:
        member.dispose()
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP ROLE {name}")


def refused(engine: sa.Engine, sql: str) -> bool:
    """Whether the database says that this is not allowed."""
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(sql)
    except ProgrammingError as error:
        return getattr(error.orig, "sqlstate", None) == "42501"
    return False


def relations(engine: sa.Engine, schema: str) -> list[str]:
    with engine.connect() as connection:
        return [name for name in connection.scalars(_RELATIONS) if name.startswith(f"{schema}.")]


def test_a_worker_does_its_whole_work_by_functions_alone(
    engine: sa.Engine, log_in: Callable[[str], sa.Engine]
) -> None:
    worker = log_in("bench_worker")
    assert schema_status(worker) == "current"
    admit_all(engine, make_bench(engine, cases=3))
    assert Machines(worker).register(MACHINE, TOKEN, [], 1) == (QUEUE,)
    assert Machines(worker).heartbeat(MACHINE, TOKEN).ready == (QUEUE,)
    leases = Leases(worker, TOKEN)
    tokens = [uuid4() for _ in range(3)]
    one, other, third = (leases.claim(QUEUE, MACHINE, token, 60) for token in tokens)
    assert one is not None
    assert other is not None
    assert third is not None
    assert leases.heartbeat(one["execution_id"], 1, tokens[0], 60) == "go_on"
    assert leases.complete(one["execution_id"], 1, tokens[0], result(), None) == "recorded"
    assert leases.release(other["execution_id"], 1, tokens[1], result()) == "released"
    assert leases.report_lost(third["execution_id"], 1, tokens[2], "died") is True


def test_a_worker_may_call_exactly_the_granted_functions(
    engine: sa.Engine, log_in: Callable[[str], sa.Engine]
) -> None:
    worker = log_in("bench_worker")
    statement = sa.text("""
        SELECT p.proname, has_function_privilege(:who, p.oid, 'EXECUTE') AS may, p.prosecdef,
               p.proconfig = ARRAY['search_path=farm, pg_temp'] AS safe
        FROM pg_proc p WHERE p.pronamespace = 'farm'::regnamespace""")
    with engine.connect() as connection:
        found = connection.execute(statement, {"who": worker.url.username}).all()
    assert {row.proname for row in found if row.may} == WORKERS_FUNCTIONS
    assert {row.proname for row in found if row.prosecdef} == WORKERS_FUNCTIONS | {"follow_execution"}
    assert all(row.safe for row in found if row.prosecdef), (
        "else a temporary object could take a table's place"
    )
    assert refused(worker, "SELECT farm.settle(1, 1, 0, 0, true)")
    assert refused(worker, "SELECT farm.cancel_bench('b')")
    assert refused(worker, "SELECT farm.reap_expired()")


def test_a_worker_touches_no_table_and_no_view(engine: sa.Engine, log_in: Callable[[str], sa.Engine]) -> None:
    worker = log_in("bench_worker")
    everything = relations(engine, "farm") + relations(engine, "report")
    assert set(everything) > WRITTEN_BY_OTHERS
    assert len(everything) > 25
    for name in everything:
        assert refused(worker, f"SELECT * FROM {name}"), name
        if name in WRITTEN_BY_OTHERS:
            assert refused(worker, f"DELETE FROM {name}"), name
    assert refused(worker, "INSERT INTO farm.policies VALUES ('p', 'mlp', 'c', 'h', NULL, '/p')")
    assert refused(worker, "UPDATE farm.policy_actions SET confidence = 1")
    assert refused(worker, "UPDATE farm.policy_estimates SET value = 1")
    assert refused(worker, "INSERT INTO farm.published_estimates VALUES ('b', 'f')")
    assert refused(
        worker, "INSERT INTO farm.notices VALUES ('m', 'k', 'bench_finished', now(), NULL, 's', 't')"
    )
    assert refused(worker, "UPDATE farm.notice_targets SET url = 'https://elsewhere/'")
    assert refused(worker, "CREATE TABLE farm.mine (a int)")
    assert refused(worker, "CREATE FUNCTION farm.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")


def test_a_reader_reads_every_report_and_writes_nothing(
    engine: sa.Engine, log_in: Callable[[str], sa.Engine]
) -> None:
    reader = log_in("bench_reader")
    (bench,) = write_benches(engine, random.Random(1), 1)
    score_at_random(engine, random.Random(1), [bench], "p-1")
    views = relations(engine, "report")
    assert len(views) > 12
    with reader.connect() as connection:
        for name in views:
            connection.exec_driver_sql(f"SELECT * FROM {name}").all()
        cases = connection.exec_driver_sql("SELECT cases FROM report.benches").scalar_one()
        assert connection.exec_driver_sql("SELECT cases FROM report.policies").scalar_one() == cases > 0
    for statement in ("DELETE FROM farm.caps", "SELECT * FROM farm.claims", "SELECT farm.reap_expired()"):
        assert refused(reader, statement), statement
    for table in ("notice_targets", "notices", "notice_deliveries"):
        assert refused(reader, f"DELETE FROM farm.{table}"), table
    assert refused(
        reader, "INSERT INTO farm.notices VALUES ('m', 'k', 'bench_finished', now(), NULL, 's', 't')"
    )
    assert refused(reader, "UPDATE farm.notice_targets SET url = 'https://elsewhere/'")
    assert refused(reader, "CREATE VIEW report.mine AS SELECT 1 AS one")


def test_a_reader_sees_every_column_but_the_tokens(
    engine: sa.Engine, log_in: Callable[[str], sa.Engine]
) -> None:
    reader = log_in("bench_reader")
    hidden = sa.text("""
        SELECT format('%s.%s', c.relname, a.attname)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'farm'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
          AND NOT has_column_privilege(c.oid, a.attnum, 'SELECT')""")
    with reader.connect() as connection:
        assert set(connection.scalars(hidden)) == {
            "attempts.lease_token", "claims.lease_token", "executions.lease_token", "machines.token_hash",
        }  # fmt: skip


def test_an_upgrade_keeps_the_grants(engine: sa.Engine, log_in: Callable[[str], sa.Engine]) -> None:
    reader, worker = log_in("bench_reader"), log_in("bench_worker")
    upgrade(engine)
    with reader.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM report.benches").all()
    assert schema_status(worker) == "current"
