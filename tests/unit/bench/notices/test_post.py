"""One POST ends in time, whatever the receiver does, and shows a bounded, escaped reply."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.notices.errors import NoticeError
from bench.notices.post import check_url, post
from tests.fixtures.receiver import receiver


@contextmanager
def raw_server(pieces: Iterator[bytes]) -> Iterator[str]:
    """A server that reads one request, then sends `pieces` until the sender ends the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    thread.join(10)
    listener.close()
    assert not thread.is_alive()


def test_the_body_of_a_reply_is_read_to_its_bound_only() -> None:
    with receiver() as hook:
        hook.answer(200, b"x" * 1_000_000)
        reply = post(hook.url, {}, b"{}")
    assert reply.is_accepted
    assert reply.line == f"200 OK: {'x' * 500}"


def test_a_reply_that_drips_is_cut_off() -> None:
    released = threading.Event()

    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while not released.wait(0.02):
            yield b"X-More: 1\r\n"

    start = time.monotonic()
    with raw_server(drip()) as url:
        reply = post(url, {}, b"{}", seconds=0.3)
    released.set()
    assert time.monotonic() - start < 5
    assert (reply.status, reply.line) == (0, "no reply within 0.3 s")


def test_what_is_not_http_is_no_reply() -> None:
    with raw_server(iter([b"SSH-2.0-OpenSSH\x1b[2J\r\n\r\n"])) as url:
        reply = post(url, {}, b"{}")
    assert reply.status == 0
    assert reply.line.startswith("no reply: ")
    assert "\x1b" not in reply.line


def test_a_port_without_a_server_is_no_reply() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refused" in post(f"http://127.0.0.1:{port}/", {}, b"{}").line


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_no_acceptance(status: int) -> None:
    with receiver() as hook:
        hook.answer(status, Location=hook.url)
        reply = post(hook.url, {}, b"{}")
        assert len(hook.requests) == 1
    assert (reply.status, reply.is_accepted) == (status, False)


@pytest.mark.parametrize(
    "url", ["https://example.org/hook", "http://127.0.0.1:8080/", "http://[::1]:9/x?y=z", "http://10.0.0.7"]
)
def test_addresses_of_http_are_taken_the_private_ones_too(url: str) -> None:
    check_url(url, "the address")


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org", "ftp://example.org/", "file:///etc/passwd", "http://", "http://h:0/", "http://h:port/",
        "http://h/a b", "http://h/\r\nX: 1", "http://me@h/", "http://me:pw@h/", "http://[::1/", "http://ö/",
    ],
)  # fmt: skip
def test_other_addresses_are_refused_by_their_origin(url: str) -> None:
    with pytest.raises(NoticeError, match=r"^the variable X "):
        check_url(url, "the variable X")
