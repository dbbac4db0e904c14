"""`bench ui`: the page of the farm, in a browser."""

import os
import secrets
import sys
import time
from ipaddress import ip_address

import click

from bench.cli.session import Farm, note, open_farm
from bench.errors import BenchError
from db.engine import open_engine

_NAMES = ("localhost", "127.0.0.1", "::1")
_POOL = 5


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8420, show_default=True, type=click.IntRange(0, 65535), help="0 is any free port."
)
@click.option(
    "--host-name",
    "names",
    multiple=True,
    metavar="NAME",
    help="A further host name that browsers use, as behind a proxy; may be repeated.",
)
@click.option(
    "--token",
    envvar="BENCH_UI_TOKEN",
    show_envvar=True,
    help="What a browser must bring.  [default: none on loopback, else a new one]",
)
@click.option(
    "--owner", is_flag=True, help="Print a link that signs the owner in to a page that runs, and end."
)
def ui(host: str, port: int, names: tuple[str, ...], token: str | None, owner: bool) -> None:
    """Serve the page of the farm.

    It shows benches, cases, executions, machines and policies while they change, and reads the database as
    bench_reader. On loopback everybody on this machine may read it; on any other address a token is needed. The
    owner can also cancel, resume, set caps and trust machines: of an embedded farm by a link that is valid once, of
    a fleet by the login of the database that may change benches.

    \b
    Examples:
      bench ui
      bench ui --owner
      bench ui --host 0.0.0.0 --host-name farm.example.org
    """
    from bench.ui.app import PageSettings, make_app
    from bench.ui.owner import OwnerSessions, SignIn
    from bench.ui.serve import bind, serve
    from bench.ui.tickets import Tickets
    from db.read_only import run_as_reader

    if token is None and not _is_loopback(host):
        token = secrets.token_urlsafe(24)
    with open_farm(checked=not os.environ.get("BENCH_DATABASE_URL")) as farm:
        secret = _secret(farm)
        if owner:
            _print_link(_address(host, port), secret)
            return
        engine = open_engine(_reader_url(farm), "bench ui", _POOL)
        run_as_reader(engine)
        listener = bind(host, port)
        address = _address(host, listener.getsockname()[1])
        note(f"the page: {address}" + ("" if token is None else f"?token={token}"))
        if secret is not None and sys.stderr.isatty():
            _print_link(address, secret)
        sign_in = SignIn(farm.database_url, None if secret is None else Tickets(secret))
        hosts = [*_NAMES, host, *names]
        sessions = OwnerSessions(sign_in)
        serve(make_app(PageSettings(engine, sessions, hosts, token)), listener)
        sessions.close_all()
        engine.dispose()


def _secret(farm: Farm) -> str | None:
    """The secret that signs tickets of an embedded farm; None in a fleet."""
    if farm.embedded is None:
        return None
    with farm.embedded.locked():
        return farm.embedded.secret("page")


def _print_link(address: str, secret: str | None) -> None:
    from bench.ui.tickets import make_ticket

    if secret is None:
        raise BenchError("in a fleet, sign in on the page with the login of the database that owns the farm")
    note(
        f"for the owner, once and within five minutes: {address}sign-in?ticket={make_ticket(secret, time.time())}"
    )


def _address(host: str, port: int) -> str:
    return f"http://{_shown(host)}:{port}/"


def _reader_url(farm: Farm) -> str:
    from bench.embedded.parts import reader_url

    return farm.database_url if farm.embedded is None else reader_url(farm.embedded, farm.engine)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
