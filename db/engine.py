"""Database connections: opening an engine, transactions, and retries after transient errors."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from db.errors import DbError

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

# Deadlock, serialization failure, the server's own shutdown and start-up codes, its full disk or memory, and a server
# that only reads while another takes over: the same call may pass later.
_TRANSIENT_STATES = frozenset({
    "40P01", "40001", "57P01", "57P02", "57P03", "53100", "53200", "53300", "25006", "08006", "08001", "08003",
})  # fmt: skip
# A dead peer is noticed in about 30 seconds, not in two hours, nor after the quarter of an hour for which a packet
# that it never confirmed is sent again.
DEAD_PEER = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
_IDLE_IN_TRANSACTION: Final = "60s"
# Not as start-up `options`, which PgBouncer refuses. It gives the first two to every server session that serves the
# connection; the third stays with the session, and all of the farm's want it.
_SETTLE: Final = f"""
    SELECT pg_backend_pid(), set_config('DateStyle', 'ISO', false), set_config('TimeZone', 'UTC', false),
           set_config('idle_in_transaction_session_timeout', '{_IDLE_IN_TRANSACTION}', false)"""
_OVERRULED: Final = ("PGTZ", "PGDATESTYLE")


def open_engine(
    url: str,
    application: str,
    pool_size: int = 5,
    *,
    connect_seconds: int = 10,
    pool: type[sa.Pool] = sa.QueuePool,
) -> sa.Engine:
    """An engine for `url` (`postgresql://…`, always through psycopg 3); `DbError` for any other database.

    Every connection uses UTF-8, ISO dates and UTC, whatever libpq's variables are. A pooler in between (PgBouncer) may
    give each transaction another server session: no statement is prepared there.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise DbError(
            "BENCH_DATABASE_URL is not a database URL; write postgresql://user:password@host/name"
        ) from error
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise DbError(f"the farm needs PostgreSQL, and BENCH_DATABASE_URL names {parsed.get_backend_name()}")
    for name in _OVERRULED:
        # libpq sends them with each connection, and no parameter outweighs them: a wrong one is refused there.
        os.environ.pop(name, None)
    sized = {"pool_size": pool_size, "max_overflow": 2} if pool is sa.QueuePool else {}
    engine = sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        poolclass=pool,
        **sized,
        pool_recycle=1800,
        json_serializer=lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        connect_args={
            "application_name": application[:63],
            "connect_timeout": connect_seconds,
            "client_encoding": "utf8",
            **DEAD_PEER,
        },
    )
    sa.event.listen(engine, "connect", lambda driver, _record: _settle(driver))
    return engine


def _settle(driver: "psycopg.Connection[tuple[int, ...]]") -> None:
    """Set the session variables of a new connection."""
    driver.autocommit = True
    row = driver.execute(_SETTLE).fetchone()
    driver.autocommit = False
    assert row is not None
    if is_pooled(driver, row[0]):
        driver.prepare_threshold = None


def is_pooled(driver: "psycopg.Connection[Any]", server_process: int) -> bool:
    """Whether a pooler serves the connection: the process that it names for a cancel request is not the server's."""
    return driver.info.backend_pid != server_process


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Run the block in one transaction. Only this and `call` commit."""
    with engine.connect() as connection, connection.begin():
        yield connection


def call(engine: sa.Engine, statement: sa.TextClause, values: Mapping[str, Any]) -> Any:
    """The value of one statement that is a transaction by itself: one round trip.

    The server commits before it answers, so that the locks the statement takes never wait for this process.
    """
    with engine.connect() as connection:
        return connection.execution_options(isolation_level="AUTOCOMMIT").scalar(statement, values)


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later: a lost connection, a restart, a deadlock."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return (
        error.connection_invalidated
        or state in _TRANSIENT_STATES
        or (state is None and _is_operational(error))
    )


def _is_operational(error: DBAPIError) -> bool:
    return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)


def retry_transient(
    call: Callable[[], T], patience_seconds: float, sleep: Callable[[float], object] = time.sleep
) -> T:
    """Retry `call` with exponential backoff while it raises transient errors, for at most `patience_seconds`.

    Only for idempotent calls: the reply to a COMMIT may be lost.
    """
    deadline = time.monotonic() + patience_seconds
    pause = 0.05
    while True:
        try:
            return call()
        except DBAPIError as error:
            if not is_transient(error) or time.monotonic() + pause > deadline:
                raise
        sleep(pause)
        pause = min(pause * 2, 5.0)
