"""Logins for those who are not the farm's owner: members of `bench_worker` or `bench_reader`."""

import sqlalchemy as sa
from psycopg import sql

from db.engine import transaction
from db.errors import DbError


def ensure_login(engine: sa.Engine, login: str, role: str, password: str) -> None:
    """Create login `login` as a member of `role`, or renew its password. A login that is there already and is no
    member of `role` is refused: it belongs to something else."""
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
