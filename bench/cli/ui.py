"""`bench ui`: the page of the farm, in a browser."""

import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING

import click

from bench.cli.session import home_here, note, open_farm
from bench.embedded.farm import EmbeddedFarm
from bench.embedded.orphans import call_when_deleted
from bench.embedded.page_part import SOCKET_VARIABLE, URL_VARIABLE, page_address
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.ui.tickets import Tickets

_NAMES = ("localhost", "127.0.0.1", "::1")
_POOL = 5
_STATEMENT_SECONDS = 300


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="0 is any free port.  [default: 8420, or a free one where that is taken]",
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
    "--owner",
    is_flag=True,
    help="Print a link that signs in as the farm's owner, once and within 5 minutes, on the page that runs; "
    "with --port on the page of that port.",
)
def ui(host: str, port: int | None, names: tuple[str, ...], token: str | None, owner: bool) -> None:
    """Serve the page of the farm.

    It shows benches, cases, executions, machines and policies while they change, and reads the database as
    bench_reader. On loopback everybody on this machine may read it; on any other address a token is needed. The owner
    signs in to cancel and resume benches, set caps and trust machines: in a fleet with a login of the database, on a
    farm of this machine by a link.

    \b
    Examples:
      bench ui
      bench ui --owner
      bench ui --host 0.0.0.0 --host-name farm.example.org
    """
    if owner:
        note(_owner_link(port, token))
        return
    from bench.ui.app import PageSettings, make_app
    from bench.ui.owner import OwnerSessions
    from bench.ui.serve import serve
    from bench.ui.sign_in import SignIn
    from db.engine import open_engine
    from db.read_only import limit_transactions

    if token is None and not _is_loopback(host):
        token = secrets.token_urlsafe(24)
    with _database() as (url, farm):
        tickets = None if farm is None else _tickets(farm)
        sign_in = SignIn(url, tickets, lambda: None if farm is None else farm.running_url())
        listener = _listener(host, port)
        address = f"http://{_shown(host)}:{listener.getsockname()[1]}/"
        note(f"the page: {address}" + ("" if token is None else f"?token={token}"))
        if tickets is not None and sys.stderr.isatty():
            note(f"as the owner, within 5 minutes: {_link(address, tickets, token)}")
        call_when_deleted(lambda: os.kill(os.getpid(), signal.SIGTERM))
        engine = open_engine(url, "bench ui", _POOL)
        # To follow an execution is a function that writes when it was last wanted.
        limit_transactions(engine, _STATEMENT_SECONDS, read_only=False)
        settings = PageSettings(engine, OwnerSessions(), [*_NAMES, host, *names], sign_in, token)
        serve(make_app(settings), listener)


@contextmanager
def _database() -> Iterator[tuple[str, EmbeddedFarm | None]]:
    """The URL that the page reads with, and the embedded farm, where it is one's."""
    url = os.environ.get(URL_VARIABLE)
    if url is not None:
        # The farm's own daemon: `bench up` made the login, and the page opens no connection of the owner.
        yield url, EmbeddedFarm(home_here().root)
        return
    with open_farm(checked=not os.environ.get("BENCH_DATABASE_URL")) as farm:
        from bench.embedded.parts import reader_url

        if farm.embedded is None:
            yield farm.database_url, None
        else:
            yield reader_url(farm.embedded, farm.engine), farm.embedded


def _listener(host: str, port: int | None) -> socket.socket:
    from bench.ui.listen import bind

    inherited = os.environ.pop(SOCKET_VARIABLE, None)
    return bind(host, port) if inherited is None else socket.socket(fileno=int(inherited))


def _owner_link(port: int | None, token: str | None) -> str:
    home = home_here()
    if os.environ.get("BENCH_DATABASE_URL"):
        raise BenchError(
            "BENCH_DATABASE_URL is set, which is a fleet's: sign in on the page, with a login of it"
        )
    if not home.exists:
        raise BenchError(home.missing_line())
    farm = EmbeddedFarm(home.root, note)
    tickets = _tickets(farm)
    if port is not None:
        return _link(f"http://127.0.0.1:{port}/", tickets, token)
    address = page_address(farm, "owner", ticket=tickets.issue())
    if address is None:
        raise BenchError(
            "no page of this farm runs; start it with `bench up`, or name the one of `bench ui` by --port"
        )
    return address


def _tickets(farm: EmbeddedFarm) -> "Tickets":
    from bench.ui.tickets import Tickets

    with farm.locked():
        return Tickets(farm.secret("page"), farm.paths.run / "page-tickets")


def _link(address: str, tickets: "Tickets", token: str | None) -> str:
    from urllib.parse import urlencode

    fields = {} if token is None else {"token": token}
    return f"{address}owner?{urlencode({**fields, 'ticket': tickets.issue()})}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
