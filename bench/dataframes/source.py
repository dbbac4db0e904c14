"""Read-only connection to a farm: by a PostgreSQL URL, an embedded farm's directory, or the environment."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from bench.embedded.farm import EmbeddedFarm
from bench.embedded.home import FarmHome, farm_home
from bench.embedded.libpq import forget_libpq_variables
from bench.embedded.parts import reader_url
from bench.errors import BenchError, FailureError
from db.engine import open_engine
from db.errors import DbError
from db.read_only import limit_transactions
from db.upgrade import check, schema_status, upgrade
from planner.errors import PlannerError
from planner.system.project import STATE_DIRECTORY

_APPLICATION: Final = "bench frames"


@contextmanager
def open_source(source: str | Path | None, timeout_seconds: float) -> Iterator[sa.Engine]:
    """Context manager of an engine whose transactions only read, as `bench_reader`.

    `source` is a PostgreSQL URL, a directory with an embedded farm, whose servers are started where they do not run,
    or None: the database that BENCH_DATABASE_URL names, else the embedded farm of the working directory. A statement
    may take `timeout_seconds`.

    Raises `BenchError` with one line where the source, the database or a statement fails.
    """
    with _variables_restored(), _one_line(timeout_seconds):
        engine = open_engine(_reading_url(source, os.environ), _APPLICATION, pool_size=1)
        limit_transactions(engine, timeout_seconds)
        try:
            yield engine
        finally:
            engine.dispose()


def _reading_url(source: str | Path | None, environment: Mapping[str, str]) -> str:
    if source is None:
        url = environment.get("BENCH_DATABASE_URL")
        return _checked_url(url, "BENCH_DATABASE_URL") if url else _embedded_url(_home_here(environment))
    if isinstance(source, str) and ("://" in source or not source):
        return _checked_url(source, "source")
    return _embedded_url(_home_of(Path(source)))


def _checked_url(url: str, name: str) -> str:
    try:
        backend = sa.make_url(url).get_backend_name()
    except (sa.exc.ArgumentError, ValueError):  # a port that is no number is the latter
        backend = ""
    if backend not in {"postgresql", "postgres"}:
        raise BenchError(
            f"{name} is no URL of a PostgreSQL database; write postgresql://user:password@host/name"
        )
    return url


def _home_here(environment: Mapping[str, str]) -> FarmHome:
    home = farm_home(Path.cwd(), environment)
    if not home.exists:
        raise BenchError(f"{home.missing_line()}, or pass a `source`")
    return home


def _home_of(directory: Path) -> FarmHome:
    """The home of the farm in a directory, or of the state directory itself."""
    try:
        start = directory.expanduser().resolve()
        root = start if start.name == STATE_DIRECTORY else start / STATE_DIRECTORY
        home = FarmHome(root, start, is_named=True)
        is_farm = home.exists
    except (OSError, RuntimeError) as error:
        raise BenchError(f"no farm in {directory}: {error}") from error
    if not is_farm:
        raise BenchError(
            f"no farm in {start}: it holds no {STATE_DIRECTORY}/ that a farm was started in; name the directory of"
            " one, or a URL such as postgresql://user:password@host/name"
        )
    return home


def _embedded_url(home: FarmHome) -> str:
    """The URL of an embedded farm's reader, with its servers running and its schema of this version."""
    forget_libpq_variables()
    embedded = EmbeddedFarm(home.root)
    owner = open_engine(embedded.up().database_url, _APPLICATION, pool_size=1)
    try:
        if schema_status(owner) in {"empty", "older"}:
            upgrade(owner)
        check(owner)
        return reader_url(embedded, owner)
    finally:
        owner.dispose()


@contextmanager
def _variables_restored() -> Iterator[None]:
    """Restore the variables of this process at the end: libpq's are removed for an embedded farm."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in before.keys() - os.environ.keys():
            os.environ[name] = before[name]


@contextmanager
def _one_line(timeout_seconds: float) -> Iterator[None]:
    """Convert errors of the database into a `BenchError` with one line."""
    try:
        yield
    except (DbError, PlannerError) as error:
        raise BenchError(str(error)) from error
    except DBAPIError as error:
        raise _converted(error.orig, timeout_seconds) from error
    except psycopg.Error as error:
        raise _converted(error, timeout_seconds) from error


def _converted(error: BaseException | None, timeout_seconds: float) -> BenchError:
    reason = next(iter(str(error).strip().splitlines()), "")
    match error:
        case psycopg.errors.QueryCanceled():
            return FailureError(
                f"reading was stopped after {timeout_seconds:g} seconds; read one bench, or raise `timeout_seconds`"
            )
        case psycopg.errors.InsufficientPrivilege():
            return BenchError(
                f"the login may not read this farm ({reason}); make it a member of bench_reader"
            )
        case psycopg.errors.UndefinedTable() | psycopg.errors.InvalidSchemaName():
            return BenchError(f"the database holds no farm of this version ({reason}); run: bench db upgrade")
        case psycopg.OperationalError():
            return FailureError(f"the database cannot be reached: {reason}")
        case _:
            return FailureError(f"reading failed: {reason}")
