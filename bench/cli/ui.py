"""`bench ui`: the page of the farm, in a browser."""

import os
import secrets
from ipaddress import ip_address

import click

from bench.cli.archives import archives_directory
from bench.cli.session import Farm, note, open_farm
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
def ui(host: str, port: int, names: tuple[str, ...], token: str | None) -> None:
    """Serve the page of the farm.

    It shows benches, cases, executions, machines and policies while they change, and reads the database as
    bench_reader. On loopback everybody on this machine may read it; on any other address a token is needed.

    \b
    Examples:
      bench ui
      bench ui --host 0.0.0.0 --host-name farm.example.org
    """
    from bench.ui.app import PageSettings, make_app
    from bench.ui.owner import OwnerSessions
    from bench.ui.serve import bind, serve

    if token is None and not _is_loopback(host):
        token = secrets.token_urlsafe(24)
    with open_farm(checked=not os.environ.get("BENCH_DATABASE_URL")) as farm:
        engine = open_engine(_reader_url(farm), "bench ui", _POOL)
        listener = bind(host, port)
        port = listener.getsockname()[1]
        address = f"http://{_shown(host)}:{port}/"
        note(f"the page: {address}" + ("" if token is None else f"?token={token}"))
        hosts = [*_NAMES, host, *names]
        serve(make_app(PageSettings(engine, OwnerSessions(), hosts, archives_directory(), token)), listener)


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
