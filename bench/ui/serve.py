"""Serves the page with uvicorn, until it is stopped."""

import socket

import uvicorn
from starlette.types import ASGIApp

_GRACE_SECONDS = 2
"""How long open event streams may take to end."""


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    uvicorn.Server(config).run([listener])
