"""`bench db`: the schema of the farm's database."""

import os

import click

from bench.cli.session import note, open_farm
from bench.errors import BenchError
from planner.cli.progress import progress


@click.group()
def db() -> None:
    """Check or upgrade the schema of the farm's database."""


@db.command()
@click.option(
    "--worker-login",
    metavar="NAME",
    help="Also create a login with the rights of a worker, or renew its password.",
)
@click.option(
    "--reader-login",
    metavar="NAME",
    help="Also create a login that can only read the reports, or renew its password.",
)
def upgrade(worker_login: str | None, reader_login: str | None) -> None:
    """Create or migrate the database schema.

    Safe to run at any time, also concurrently. The passwords of the logins are read from BENCH_WORKER_PASSWORD and
    BENCH_READER_PASSWORD.

    \b
    Examples:
      bench db upgrade
      BENCH_WORKER_PASSWORD=… bench db upgrade --worker-login farm_worker
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
    with (
        progress("upgrading the database"),
        open_farm(checked=False, create=True) as farm,
    ):
        upgrade_schema(farm.engine)
        for login, role, password in wanted:
            ensure_login(farm.engine, login, role, password)
        for line in left_open(farm.engine):
            note(line)
    note("the database is current")


def _password(variable: str) -> str:
    password = os.environ.get(variable)
    if not password:
        raise BenchError(f"{variable} is not set; set it to the password of the login")
    return password


@db.command()
def check() -> None:
    """Check that the database schema is of this version.

    Where it is not, the exit code is 2, and the error names the command to run.

    \b
    Example:
      bench db check
    """
    from db.upgrade import check as check_schema

    with open_farm(checked=False) as farm:
        check_schema(farm.engine)
    note("the database is current")
