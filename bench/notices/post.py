"""One HTTP POST with a time limit for the whole exchange. Redirects are not followed; the reply is bounded."""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from bench.notices.errors import NoticeError
from planner.system.foreign_text import visible_line

SECONDS: Final = 15.0
_STEP_SECONDS: Final = 10.0
_MOST_BYTES: Final = 500


class Reply(NamedTuple):
    """The reply of a receiver; status 0 where there was none."""

    status: int
    line: str
    """Status and beginning of the body, or why there was no reply; escaped."""

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has the message."""
        return 200 <= self.status < 300


def check_url(url: str, where: str) -> None:
    """Raises `NoticeError` unless `url`, of `where`, is an absolute address of http or https without a login.

    Loopback and private addresses are allowed: the farm's owner configures them.
    """
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise NoticeError(f"{where} is not an address; give https://host/path") from None
    printable = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid or not printable:
        raise NoticeError(f"{where} is not an address of http or https; give https://host/path")
    if parts.username is not None or parts.password is not None:
        raise NoticeError(
            f"{where} holds a login, which is not sent; the signature is what a receiver checks"
        )


def post(url: str, headers: Mapping[str, str], body: bytes, seconds: float = SECONDS) -> Reply:
    """POST `body` to `url`. Everything that goes wrong on the way is a `Reply` with status 0.

    The exchange ends after `seconds`, however slowly bytes arrive; only the look-up of the name is not limited.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    step = min(seconds, _STEP_SECONDS)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=step, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=step)
    expired = threading.Event()
    timer = threading.Timer(seconds, _cut, (connection, expired))
    timer.daemon = True
    timer.start()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.connect()
        if expired.is_set():
            raise TimeoutError
        connection.request("POST", target, body, dict(headers))
        response = connection.getresponse()
        if expired.is_set():  # headers that are cut off look complete
            raise TimeoutError
        return _reply(response)
    except (OSError, http.client.HTTPException, ValueError) as error:
        slow = expired.is_set() or isinstance(error, TimeoutError)
        return Reply(0, f"no reply within {seconds:g} s" if slow else f"no reply: {_reason(error)}")
    finally:
        timer.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection, expired: threading.Event) -> None:
    """End the exchange from another thread: a read that waits returns."""
    expired.set()
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _reply(response: http.client.HTTPResponse) -> Reply:
    status = f"{response.status} {visible_line(response.reason)[:80]}".strip()
    if 300 <= response.status < 400:
        return Reply(response.status, f"{status}: a redirect, which is not followed; give its address")
    with suppress(OSError, http.client.HTTPException):
        text = visible_line(response.read1(_MOST_BYTES).decode("utf-8", "replace").strip())
        return Reply(response.status, f"{status}: {text[:_MOST_BYTES]}" if text else status)
    return Reply(response.status, status)


def _reason(error: Exception) -> str:
    return visible_line(str(error) or type(error).__name__)[:200]
