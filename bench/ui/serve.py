"""Serves the page with uvicorn, until it is stopped."""

import signal
import socket
import sys

import uvicorn
from starlette.types import ASGIApp

_GRACE_SECONDS = 2
"""How long open event streams may take to end."""
_SWITCH_SECONDS = 0.0005
"""How long the thread that computes a report keeps the interpreter while a request waits for it (the GIL)."""


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, after which open requests end: a graceful shutdown."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    # uvicorn handles both while it serves, and raises them once more for these handlers when it is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    config = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    uvicorn.Server(config).run([listener])
