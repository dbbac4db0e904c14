"""Logins for those who are not the farm's owner: members of `bench_worker` or `bench_reader`."""

from contextlib import suppress
from typing import Final

import psycopg
import sqlalchemy as sa
from psycopg import sql

from db.engine import transaction
from db.errors import DbError

# Defaults of the session, which a hostile login can change; the limits below it cannot.
_SETTINGS: Final = {
    "bench_reader": {"statement_timeout": "5min", "idle_in_transaction_session_timeout": "1min"},
    "bench_worker": {"idle_in_transaction_session_timeout": "1min"},
}
_READERS_CONNECTIONS: Final = 10
_READERS_TEMP_FILES: Final = "4GB"
_LEFT_OPEN = sa.text("""
    SELECT CASE WHEN EXISTS (SELECT FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                             WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type = 'TEMPORARY')
                THEN 1 ELSE 0 END AS temp, (SELECT count(*) FROM farm.harmful_functions()) AS functions""")


def ensure_login(engine: sa.Engine, login: str, role: str, password: str) -> None:
    """Create login `login` as a member of `role`, or renew its password and limits. Raises `DbError` where the login
    exists and is not a member of `role`."""
    with transaction(engine) as connection:
        known = connection.scalar(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :login"), {"login": login})
        if known and not connection.scalar(
            sa.text("SELECT pg_has_role(:login, :role, 'MEMBER')"), {"login": login, "role": role}
        ):
            raise DbError(f"the login {login!r} exists and is not one of {role}; choose another name")
        template = "ALTER ROLE {} PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}"
        statement = sql.SQL(template).format(
            sql.Identifier(login), sql.Literal(password), sql.Identifier(role)
        )
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute(statement)
        _limit(driver, login, role)


def _limit(driver: "psycopg.Connection[tuple[object, ...]]", login: str, role: str) -> None:
    """How long a statement may take; for readers also how many connections and how much disk for sorting."""
    name = sql.Identifier(login)
    for setting, value in _SETTINGS[role].items():
        driver.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), value))
    if role == "bench_reader":
        driver.execute(
            sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(name, sql.Literal(_READERS_CONNECTIONS))
        )
        # Only a superuser may set it, and nobody else may change it.
        with suppress(psycopg.errors.InsufficientPrivilege), driver.transaction():
            driver.execute(
                sql.SQL("ALTER ROLE {} SET temp_file_limit = {}").format(name, _READERS_TEMP_FILES)
            )


def left_open(engine: sa.Engine) -> list[str]:
    """The rights of every login of this database that this role could not revoke, a line each."""
    with engine.connect() as connection:
        row = connection.execute(_LEFT_OPEN).one()
    lines = []
    if row.temp:
        lines.append(
            "every login may make temporary tables here; the database's owner revokes that with:"
            " REVOKE TEMPORARY ON DATABASE … FROM PUBLIC"
        )
    if row.functions:
        lines.append(
            f"every login may call {row.functions} functions that fill the disk or take locks (large objects, advisory"
            " locks); a superuser revokes that with: bench db upgrade"
        )
    return lines
