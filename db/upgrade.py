"""Upgrade of a database to this version of the program, and the status of its schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Literal

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from db.engine import transaction
from db.errors import DbError
from db.schema_files import code_hash, replace_code

# As Alembic makes it. Two upgrades at once: the second waits for the first, with a lock on a table that only the
# farm's owner may lock. Making the schema waits for another one that makes it, too.
_VERSION_TABLE = """
    CREATE TABLE farm.alembic_version (
        version_num varchar(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"""
_LOCK = "LOCK TABLE farm.alembic_version IN EXCLUSIVE MODE"
_MADE_MEANWHILE = {"42P06", "23505"}

# An open transaction of a reader or worker would block the upgrade, and the upgrade all others.
_END_THE_OTHERS = sa.text("""
    SELECT pg_terminate_backend(s.pid, 5000) FROM pg_stat_activity s
    WHERE s.datname = current_database() AND s.pid <> pg_backend_pid()
      AND (pg_has_role(s.usesysid, 'bench_reader', 'MEMBER') OR pg_has_role(s.usesysid, 'bench_worker', 'MEMBER'))
      AND NOT pg_has_role(s.usesysid, current_user, 'MEMBER')
      AND EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                  WHERE l.pid = s.pid AND l.granted AND c.relnamespace IN (
                      SELECT oid FROM pg_namespace WHERE nspname IN ('farm', 'report')))""")
_PATIENCE = "30s"
_LOCK_NOT_AVAILABLE, _INSUFFICIENT_PRIVILEGE = "55P03", "42501"

_NEWER = "the database's schema is newer than this program; upgrade bench-farm on this machine"
_FOREIGN = "the database has a schema named farm that is not a bench farm's; use another database"

SchemaStatus = Literal["empty", "older", "current", "newer", "foreign"]


def alembic_config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration, made here so that no ini file has to be found."""
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Migrate to `revision` and replace all functions and views, in one transaction; safe to run twice at once."""
    with transaction(engine) as connection:
        _make_schema(connection)
        _refuse_what_is_not_ours(connection)
        connection.execute(sa.text(_LOCK))
        _refuse_what_is_newer(connection)
        with _not_held_up(connection):
            command.upgrade(alembic_config(connection), revision)
            replace_code(connection.connection.driver_connection)


def schema_status(engine: sa.Engine) -> SchemaStatus:
    """Compare the schema of the database with this version of the program."""
    with engine.connect() as connection:
        if connection.scalar(sa.text("SELECT to_regnamespace('farm')")) is None:
            return "empty"
        if connection.scalar(sa.text("SELECT to_regprocedure('farm.schema_version()')")) is None:
            ours = connection.scalar(sa.text("SELECT to_regclass('farm.alembic_version')")) is not None
            return "older" if ours else "foreign"
        revision, code = connection.execute(sa.text("SELECT * FROM farm.schema_version()")).one()
    if revision not in _known_revisions():
        return "newer"
    return "current" if revision == head_revision() and code == code_hash() else "older"


def check(engine: sa.Engine) -> None:
    """Raise a `DbError` with the command that helps, unless the schema is current."""
    match schema_status(engine):
        case "empty":
            raise DbError("the database holds no farm yet; run: bench db upgrade")
        case "older":
            raise DbError("the database's schema is not of this version; run: bench db upgrade")
        case "newer":
            raise DbError(_NEWER)
        case "foreign":
            raise DbError(_FOREIGN)
        case "current":
            return


def head_revision() -> str:
    """The newest revision this program knows."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise DbError("no migration is installed; reinstall bench-farm")
    return head


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}


def _make_schema(connection: sa.Connection) -> None:
    """The schema with its version table, where there is none; two at once make it once."""
    if connection.scalar(sa.text("SELECT to_regnamespace('farm')")) is not None:
        return
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE SCHEMA farm"))
            connection.execute(sa.text(_VERSION_TABLE))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _MADE_MEANWHILE:
            raise


@contextmanager
def _not_held_up(connection: sa.Connection) -> Iterator[None]:
    """End transactions of readers and workers where this role may; `DbError` where another one keeps its lock."""
    if connection.scalar(sa.text("SELECT to_regrole('bench_worker') IS NOT NULL")):
        try:
            with connection.begin_nested():
                connection.execute(_END_THE_OTHERS)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
                raise
    connection.execute(sa.text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": _PATIENCE})
    try:
        yield
    except (DBAPIError, psycopg.errors.LockNotAvailable) as error:
        if getattr(getattr(error, "orig", error), "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise DbError(
            f"a session of this database has kept the upgrade waiting for {_PATIENCE}; end those that pg_stat_activity"
            " shows as idle in transaction, and run this again"
        ) from error


def _refuse_what_is_not_ours(connection: sa.Connection) -> None:
    if connection.scalar(sa.text("SELECT to_regclass('farm.alembic_version')")) is None:
        raise DbError(_FOREIGN)


def _refuse_what_is_newer(connection: sa.Connection) -> None:
    revision = connection.scalar(sa.text("SELECT version_num FROM farm.alembic_version"))
    if revision is not None and revision not in _known_revisions():
        raise DbError(_NEWER)
