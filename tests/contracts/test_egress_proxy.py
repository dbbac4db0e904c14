"""The egress proxy passes bytes on to what its rules admit, within bounds, and records what it refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from workers.gateway.egress import EgressProxy, open_egress, serve_egress
from workers.gateway.egress_rules import EgressRules
from workers.gateway.egress_upstream import Upstreams

# Another address of the loopback than the one of the list's entry proves which of them is connected to.
HOST = "127.0.0.2"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with all that it was sent, once that has ended."""
    writer.write(b"got " + await reader.read())
    writer.close()


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[int]:
    """A server on the machine's loopback; its port."""
    listening = await asyncio.start_server(handler, HOST, 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


@asynccontextmanager
async def proxy(
    tmp_path: Path, *allow_list: str, environment: dict[str, str] | None = None
) -> AsyncIterator[EgressProxy]:
    serving = await serve_egress(tmp_path, allow_list, environment or {})
    try:
        yield serving
    finally:
        await serving.close()


async def ask(tmp_path: Path, request: bytes) -> bytes:
    """All that the proxy answers to a request after which the client closes its half."""
    reader, writer = await asyncio.open_unix_connection(tmp_path / "egress")
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def test_a_tunnel_carries_bytes_both_ways_until_each_half_is_closed(tmp_path: Path) -> None:
    async def run() -> bytes:
        async with server(repeat) as port, proxy(tmp_path, f"{HOST}:{port}"):
            return await ask(tmp_path, b"CONNECT %s:%d HTTP/1.1\r\n\r\nhello" % (HOST.encode(), port))

    assert asyncio.run(run()) == b"HTTP/1.1 200 Connection established\r\n\r\ngot hello"


def test_a_plain_request_reaches_the_origin_in_its_own_form(tmp_path: Path) -> None:
    async def run() -> tuple[bytes, int]:
        async with server(repeat) as port, proxy(tmp_path, f"{HOST}:{port}"):
            head = b"PUT http://%s:%d/x?y HTTP/1.1\r\nHost: z\r\nContent-Length: 4\r\n\r\nbody"
            return await ask(tmp_path, head % (HOST.encode(), port)), port

    answer, port = asyncio.run(run())
    assert answer == (
        b"got PUT /x?y HTTP/1.1\r\nHost: %s:%d\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
        % (HOST.encode(), port)
    )


def test_refused_attempts_are_counted_and_the_reason_is_in_the_status_line(tmp_path: Path) -> None:
    async def run() -> tuple[bytes, tuple[str, ...]]:
        async with server(repeat) as port, proxy(tmp_path) as serving:
            for _ in range(3):
                answer = await ask(tmp_path, b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (HOST.encode(), port))
            await ask(tmp_path, b"GET http://localhost:%d/ HTTP/1.1\r\n\r\n" % port)
            return answer, tuple(line.replace(str(port), "PORT") for line in serving.refused())

    answer, refused = asyncio.run(run())
    why = "this machine's own address, not named in the egress list"
    assert answer.startswith(f"HTTP/1.1 403 {why}\r\n".encode())
    assert refused == (f"{HOST}:PORT (3 times): {why}", f"localhost:PORT (1 time): {why}")


def test_the_record_of_refused_hosts_is_bounded(tmp_path: Path) -> None:
    async def run() -> tuple[str, ...]:
        async with proxy(tmp_path, "example.org") as serving:
            for number in range(130):
                await ask(tmp_path, b"CONNECT host-%d:443 HTTP/1.1\r\n\r\n" % number)
            return serving.refused()

    refused = asyncio.run(run())
    assert (len(refused), refused[0]) == (101, "further hosts (30 times): not in the egress list")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\r\n\r\n", 400),
        (b"GET http://x/ HTTP/1.1\r\nX: " + b"x" * 200_000, 431),
        (b"CONNECT nowhere.invalid:443 HTTP/1.1\r\n\r\n", 502),
        (b"CONNECT 127.0.0.3:1025 HTTP/1.1\r\n\r\n", 502),
    ],
    ids=["origin form", "no HTTP", "large", "no such name", "nobody listens"],
)
def test_what_cannot_be_served_is_answered(tmp_path: Path, request_bytes: bytes, status: int) -> None:
    async def run() -> bytes:
        async with proxy(tmp_path, "127.0.0.3:1025", "nowhere.invalid", "x"):
            return await ask(tmp_path, request_bytes)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 %d " % status)


def test_a_connection_without_bytes_is_ended_after_the_idle_time(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def run() -> bytes:
        async with server(silent) as port:
            rules = EgressRules.of([f"{HOST}:{port}"])
            serving = EgressProxy(rules, Upstreams(), idle_seconds=0.1)
            await serving.serve(tmp_path)
            reader, writer = await asyncio.open_unix_connection(tmp_path / "egress")
            writer.write(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (HOST.encode(), port))
            async with asyncio.timeout(30):
                answer = await reader.read()
            writer.close()
            await serving.close()
            return answer

    assert asyncio.run(run()) == b"HTTP/1.1 200 Connection established\r\n\r\n"


def test_a_server_waits_for_a_client_that_does_not_read(tmp_path: Path) -> None:
    async def run() -> int:
        sent, waits = 0, asyncio.Event()

        async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            while not waits.is_set():
                writer.write(bytes(65536))
                try:
                    async with asyncio.timeout(0.5):
                        await writer.drain()
                    sent += 65536
                except TimeoutError:
                    waits.set()
            writer.transport.abort()

        async with server(endless) as port, proxy(tmp_path, f"{HOST}:{port}"):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "egress", limit=1024)
            writer.write(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (HOST.encode(), port))
            async with asyncio.timeout(60):
                await reader.readuntil(b"\r\n\r\n")
                await waits.wait()
            writer.close()
        return sent

    # What the kernel's buffers of the two sockets hold; a proxy without backpressure would never stop.
    assert 0 < asyncio.run(run()) < 32 * 1024 * 1024


def test_the_machine_s_own_proxy_is_asked_and_gets_its_credential(tmp_path: Path) -> None:
    heads: list[bytes] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if heads[-1].startswith(b"CONNECT"):
            writer.write(
                b"HTTP/1.1 200 fine\r\n\r\n" if b"inside" in heads[-1] else b"HTTP/1.1 407 who?\r\n\r\n"
            )
        writer.write(b"got " + await reader.read())
        writer.close()

    async def run() -> list[bytes]:
        async with server(upstream) as port:
            url = f"http://me:secret@{HOST}:{port}"
            async with proxy(tmp_path, environment={"https_proxy": url, "http_proxy": url}) as serving:
                answers = [
                    await ask(tmp_path, b"CONNECT inside.invalid:443 HTTP/1.1\r\n\r\nhello"),
                    await ask(
                        tmp_path, b"GET http://x.invalid/y HTTP/1.1\r\nProxy-Authorization: mine\r\n\r\n"
                    ),
                    await ask(tmp_path, b"CONNECT other.invalid:443 HTTP/1.1\r\n\r\n"),
                    # What leads to this machine is refused before its proxy is asked.
                    await ask(tmp_path, b"CONNECT localhost:443 HTTP/1.1\r\n\r\n"),
                ]
            assert len(serving.refused()) == 1
            return answers

    tunnel, plain, failed, local = asyncio.run(run())
    assert tunnel == b"HTTP/1.1 200 Connection established\r\n\r\ngot hello"
    assert plain == b"got "
    assert failed.startswith(b"HTTP/1.1 502 the machine's proxy answered 'HTTP/1.1 407 who?'")
    assert local.startswith(b"HTTP/1.1 403 ")
    credential = b"Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"
    assert (
        heads[0]
        == b"CONNECT inside.invalid:443 HTTP/1.1\r\nHost: inside.invalid:443\r\n" + credential + b"\r\n"
    )
    assert heads[1].startswith(b"GET http://x.invalid:80/y HTTP/1.1\r\nHost: x.invalid\r\n")
    assert heads[1].endswith(credential + b"\r\n")
    assert b"mine" not in heads[1]
    assert len(heads) == 3


def test_a_named_port_of_the_loopback_is_a_door_of_its_own() -> None:
    async def exchange(path: Path) -> bytes:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"hello")
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    async def run() -> bytes:
        async with server(repeat) as port:
            with open_egress([f"{HOST}:{port}", "example.org"], {}) as egress:
                assert [door.port for door in egress.doors] == [8378, port]
                return await exchange(egress.doors[1].socket)

    assert asyncio.run(run()) == b"got hello"


def test_when_it_is_closed_every_connection_ends_and_its_directory_is_removed(tmp_path: Path) -> None:
    async def run() -> tuple[bytes, Path]:
        async with server(repeat) as port:
            with open_egress([f"{HOST}:{port}"], {}) as egress:
                reader, writer = await asyncio.open_unix_connection(egress.doors[0].socket)
                writer.write(b"CONNECT %s:%d HTTP/1.1\r\n\r\n" % (HOST.encode(), port))
                await reader.readuntil(b"\r\n\r\n")
            async with asyncio.timeout(30):
                rest = await reader.read()
            writer.close()
            return rest, egress.doors[0].socket.parent

    rest, directory = asyncio.run(run())
    assert rest == b""
    assert not directory.exists()
