"""`bench db`: the schema of the farm's database."""

import os

import click

from bench.cli.session import note, open_farm
from bench.errors import BenchError


@click.group()
def db() -> None:
    """Bring the farm's database to this version, or check that it is."""


@db.command()
@click.option(
    "--worker-login",
    metavar="NAME",
    help="Also create (or renew) a login that may only do what a worker does.",
)
@click.option(
    "--reader-login", metavar="NAME", help="Also create (or renew) a login that may only read the reports."
)
def upgrade(worker_login: str | None, reader_login: str | None) -> None:
    """Create or migrate the schema; safe to run at any time, also twice at once.

    The passwords of the logins are read from BENCH_WORKER_PASSWORD and BENCH_READER_PASSWORD.
    """
    from db.logins import ensure_login, left_open
    from db.upgrade import upgrade as upgrade_schema

    wanted = [
        (login, role, _password(variable))
        for login, role, variable in (
            (worker_login, "bench_worker", "BENCH_WORKER_PASSWORD"),
            (reader_login, "bench_reader", "BENCH_READER_PASSWORD"),
        )
        if login is not None
    ]
    with open_farm(checked=False, create=True) as farm:
        upgrade_schema(farm.engine)
        for login, role, password in wanted:
            ensure_login(farm.engine, login, role, password)
        for line in left_open(farm.engine):
            note(line)
    note("the database is current")


def _password(variable: str) -> str:
    password = os.environ.get(variable)
    if not password:
        raise BenchError(f"{variable} is not set; it becomes the password of the login")
    return password


@db.command()
def check() -> None:
    """Exit 0 where the schema is of this version; else say what mends it and exit 2."""
    from db.upgrade import check as check_schema

    with open_farm(checked=False) as farm:
        check_schema(farm.engine)
    note("the database is current")
