"""Administration of a PostgreSQL server that the farm owns."""

import psycopg
from psycopg import sql

from db.errors import DbError


def ensure_database(server_url: str, name: str) -> None:
    """Create database `name` where it is missing; `server_url` names another database of the same server.

    Raises `DbError` with the words of the server where it refuses.
    """
    try:
        with psycopg.connect(server_url, autocommit=True) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise DbError(str(error).strip().splitlines()[-1]) from error
