"""The page of an embedded farm, as a daemon that reads the database with the reader's login."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from urllib.parse import urlencode

import psutil

from bench.embedded.farm import EmbeddedFarm, PartStatus, daemon_status
from bench.embedded.part_environment import environment_of, for_coordinator, handed_before
from bench.embedded.processes import wait_until
from planner.system.own_module import module_command

NAME: Final = "page"
URL_VARIABLE: Final = "BENCH_UI_DATABASE_URL"
TOKEN_VARIABLE: Final = "BENCH_UI_TOKEN"  # noqa: S105  # the name of a variable
SOCKET_VARIABLE: Final = "FARM_PAGE_SOCKET"
"""The number of the listening socket that the daemon inherits: no connection is refused while it starts."""
_HOST: Final = "127.0.0.1"
_PORT: Final = "--port"
_SHOWN_SECONDS: Final = 2.0


def start_page(farm: EmbeddedFarm, reader_url: str, bind: Callable[[str], socket.socket]) -> bool:
    """Start the page where it does not run; idempotent. `bind` returns a listening socket of a host.

    Others may use this machine, too: the page needs a token, which is part of its address.

    Returns: whether it was started.
    """
    with farm.locked():
        daemon = farm.daemon(NAME)
        if daemon.process() is not None:
            return False
        token = os.environ.get(TOKEN_VARIABLE) or farm.secret("page-token")
        farm.secret(NAME)
        handed = for_coordinator(os.environ, handed_before({}))
        with bind(_HOST) as listener:
            environment = {
                "PATH": os.environ.get("PATH", ""),
                "HOME": os.environ.get("HOME", "/"),
                "LANG": os.environ.get("LANG", "C.UTF-8"),
                **environment_of(handed, farm.paths.root),
                "BENCH_HOME": str(farm.paths.root),
                URL_VARIABLE: reader_url,
                TOKEN_VARIABLE: token,
                SOCKET_VARIABLE: str(listener.fileno()),
            }
            arguments = ["ui", _PORT, str(listener.getsockname()[1])]
            daemon.start(
                module_command("bench.cli.main", *arguments),
                environment,
                cwd=farm.paths.root.parent,
                options={"pass_fds": (listener.fileno(),)},
            )
        # The kernel shows the arguments of a new program a moment after it was started.
        wait_until(lambda: page_address(farm) is not None or daemon.process() is None, _SHOWN_SECONDS)
        return True


def page_status(farm: EmbeddedFarm) -> list[PartStatus]:
    """The state of the page, with its address; empty where it was not started."""
    daemon = farm.daemon(NAME)
    if not daemon.was_started:
        return []
    status = daemon_status(daemon)
    return [PartStatus(status.name, status.state, status.pid, status.uptime_seconds, page_address(farm))]


def page_address(farm: EmbeddedFarm, path: str = "", **query: str) -> str | None:
    """The address of a path of the running page, with its token; None where the page does not run."""
    process = farm.daemon(NAME).process()
    with suppress(psutil.Error, ValueError, IndexError):
        if process is not None:
            words, token = process.cmdline(), process.environ().get(TOKEN_VARIABLE, "")
            words = [f"http://{_HOST}:{int(words[words.index(_PORT) + 1])}/{path}"]
            return "?".join([*words, urlencode({"token": token, **query})])
    return None
