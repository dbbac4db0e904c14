"""Every rung with a network of its own gives a program its doors, and nothing else to reach; the others refuse."""

import asyncio
import os
import socket
import sys
import textwrap
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.fixtures.rungs import OFFERED
from workers.control import Control
from workers.gateway.background import background_loop
from workers.sandbox import ladder, process
from workers.sandbox.doors import door_directory
from workers.sandbox.process import ProgramExit, StopConditions
from workers.sandbox.program import MARK, DoorMount, Rung, SandboxedProgram

OWN = [rung for rung in OFFERED.values() if rung.own_network]
SHARED = [rung for rung in OFFERED.values() if not rung.own_network]
PORT = 8377
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CONNECT = f"""
import os, signal, socket, sys, threading
def connect(port={PORT}):
    return socket.create_connection(("127.0.0.1", port), 20)
def ask(data, port={PORT}):
    with connect(port) as door:
        door.sendall(data)
        door.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: door.recv(65536), b""))
"""


@pytest.fixture(params=OWN, ids=lambda rung: rung.name)
def rung(request: pytest.FixtureRequest) -> Rung:
    chosen: Rung = request.param
    return chosen


@contextmanager
def served(handler: Handler, port: int = PORT) -> Iterator[DoorMount]:
    """A server outside of the sandbox, as a door."""
    loop = background_loop()
    with door_directory() as directory:
        path = directory / "s"
        server = loop.run(asyncio.start_unix_server(handler, path, backlog=8))
        try:
            yield DoorMount(path, port)
        finally:
            loop.loop.call_soon_threadsafe(server.close)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with all that it was sent, once that has ended."""
    writer.write(b"heard " + await reader.read())
    writer.close()


def run(
    rung: Rung, tmp_path: Path, code: str, *doors: DoorMount, stdin: Path | None = None
) -> tuple[ProgramExit, str]:
    cell, out = tmp_path / "cell", tmp_path / "out"
    cell.mkdir(exist_ok=True)
    argv = (sys.executable, "-I", "-S", "-c", CONNECT + textwrap.dedent(code))
    env = {MARK: str(tmp_path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    program = SandboxedProgram(argv, env, cell, cell, stdin=stdin, doors=doors)
    ended = process.run(rung, program, StopConditions(60), Control(), out)
    return ended, out.read_text()


def test_a_door_answers_after_the_program_has_closed_its_half(rung: Rung, tmp_path: Path) -> None:
    with served(echo) as door, served(echo, 9000) as second:
        ended, text = run(
            rung, tmp_path, "print(ask(b'one'), ask(b'two'), ask(b'x' * 3, 9000))", door, second
        )
    assert (ended.exit_code, text.strip()) == (0, "b'heard one' b'heard two' b'heard xxx'")


def test_exit_code_input_variables_and_process_group_are_the_program_s_own(
    rung: Rung, tmp_path: Path
) -> None:
    (tmp_path / "prompt").write_text("do it")
    code = """
        print(sys.stdin.read(), os.getpid() == os.getpgid(0), sorted(os.environ), len(os.listdir("/proc/self/fd")))
        print(signal.getsignal(signal.SIGPIPE), os.getcwd())
        sys.stdout.flush()
        os.kill(os.getpid(), int(sys.stdin.readline() or 15))
    """
    plain = run(rung, tmp_path, code, stdin=tmp_path / "prompt")
    with served(echo) as door:
        behind = run(rung, tmp_path, code, door, stdin=tmp_path / "prompt")
    assert behind[1] == plain[1]
    assert behind[1].startswith("do it ")
    assert behind[0].exit_code == plain[0].exit_code == 128 + 15


def test_the_signals_that_python_ignores_end_the_program_as_usual(rung: Rung, tmp_path: Path) -> None:
    code = "os.execvp('grep', ['grep', 'SigIgn', '/proc/self/status'])"
    plain = run(rung, tmp_path, code)
    with served(echo) as door:
        behind = run(rung, tmp_path, code, door)
    assert behind[1] == plain[1]


def test_what_is_sent_arrives_whole_in_both_directions(rung: Rung, tmp_path: Path) -> None:
    code = """
        sent = os.urandom(1 << 20) * 24
        print(ask(sent) == b"heard " + sent)
    """
    with served(echo) as door:
        assert run(rung, tmp_path, code, door)[1] == "True\n"


def test_a_thousand_connections_are_open_at_once(rung: Rung, tmp_path: Path) -> None:
    code = """
        held = [connect() for _ in range(1000)]
        for number, door in enumerate(held):
            door.sendall(b"%d" % number)
            door.shutdown(socket.SHUT_WR)
        answers = [b"".join(iter(lambda: door.recv(100), b"")) for door in held]
        print(answers == [b"heard %d" % number for number in range(1000)])
    """
    with served(echo) as door:
        assert run(rung, tmp_path, code, door)[1] == "True\n"


def test_an_early_answer_reaches_a_program_that_is_still_sending(rung: Rung, tmp_path: Path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(10)
        writer.write(b"too large")
        writer.close()

    with served(refuse) as door:
        ended, text = run(rung, tmp_path, "print(ask(bytes(8 << 20)))", door)
    assert (ended.exit_code, text) == (0, "b'too large'\n")


def test_a_program_that_hangs_up_is_noticed_while_the_server_works(rung: Rung, tmp_path: Path) -> None:
    noticed = asyncio.Event()

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(3) == b"go!":
            with suppress(ConnectionError):
                while True:
                    writer.write(b"working")
                    await writer.drain()
            noticed.set()
        else:
            await noticed.wait()
            writer.write(b"noticed")
        writer.close()

    code = """
        door = connect()
        door.sendall(b"go!")
        door.recv(10)
        door.close()
        print(ask(b"did you?"))
    """
    with served(work) as door:
        assert run(rung, tmp_path, code, door)[1] == "b'noticed'\n"


def test_a_server_that_is_absent_refuses_and_costs_no_time(rung: Rung, tmp_path: Path) -> None:
    with door_directory() as directory:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(directory / "s"))
        _, text = run(rung, tmp_path, "print(ask(b''))", DoorMount(directory / "s", PORT))
    assert text == "b''\n"


def test_a_server_whose_backlog_is_full_gets_every_connection_later(rung: Rung, tmp_path: Path) -> None:
    code = """
        import time
        held = [connect() for _ in range(30)]
        for number, door in enumerate(held):
            door.sendall(b"%d" % number)
            door.shutdown(socket.SHUT_WR)
        print("sent", flush=True)
        print(sorted(int(door.recv(10)) for door in held) == list(range(30)))
    """
    with door_directory() as directory, ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(str(directory / "s"))
        server.listen(2)
        server.settimeout(30)
        out = tmp_path / "out"

        def answer_all() -> None:
            while not out.exists() or "sent" not in out.read_text():
                os.sched_yield()
            for _ in range(30):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(connection.recv(10))

        thread = threading.Thread(target=answer_all)
        thread.start()
        ended, text = run(rung, tmp_path, code, DoorMount(directory / "s", PORT))
        thread.join()
    assert (ended.exit_code, text) == (0, "sent\nTrue\n")


def test_an_idle_forwarder_uses_no_processor(rung: Rung, tmp_path: Path) -> None:
    code = """
        import time
        held = [connect() for _ in range(50)]
        for door in held[:25]:
            door.shutdown(socket.SHUT_WR)
        pid = next(p for p in map(int, filter(str.isdigit, os.listdir("/proc")))
                   if p != os.getpid() and b"forward.py" in open(f"/proc/{p}/cmdline", "rb").read())
        def used():
            return sum(map(int, open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[11:13]))
        time.sleep(0.3)
        before = used()
        time.sleep(1)
        print(used() - before)
    """

    ended = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    with served(silent) as door:
        _, text = run(rung, tmp_path, code, door)
        background_loop().loop.call_soon_threadsafe(ended.set)
    assert int(text) <= 2  # hundredths of a second, where a busy loop takes a hundred


def test_the_forwarder_leads_nowhere_but_to_its_sockets(rung: Rung, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, served(echo) as mine, served(echo) as neighbour:
        code = f"""
            def outcome(family, address):
                try:
                    with socket.socket(family) as probe:
                        probe.settimeout(5)
                        probe.connect(address)
                        return "reached"
                except OSError as error:
                    return "refused"
            host = ("127.0.0.1", {other.getsockname()[1]})
            print(outcome(socket.AF_INET, host), outcome(socket.AF_INET, ("127.0.0.1", {PORT + 1})))
            print(outcome(socket.AF_UNIX, {str(neighbour.socket)!r}), outcome(socket.AF_UNIX, {str(mine.socket)!r}))
            print(os.path.exists({str(neighbour.socket.parent)!r}), os.listdir({str(mine.socket.parent)!r}))
        """
        _, text = run(rung, tmp_path, code, mine)
    assert text.splitlines() == ["refused refused", "refused reached", "False ['s']"]


def test_what_submit_knows_of_a_rung_by_its_name_is_so() -> None:
    assert {name: ladder.has_own_network(name) for name in OFFERED} == {
        name: rung.own_network for name, rung in OFFERED.items()
    }


@pytest.mark.parametrize("rung", SHARED, ids=lambda rung: rung.name)
def test_a_rung_that_shares_the_network_refuses_doors(rung: Rung, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"sandbox {rung.name} has no network of its own"):
        run(rung, tmp_path, "", DoorMount(tmp_path / "s", PORT))


def test_a_socket_s_path_that_the_kernel_would_refuse_is_refused(rung: Rung, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="longer than 107 bytes"):
        run(rung, tmp_path, "", DoorMount(Path("/tmp", "x" * 103), PORT))


def test_a_program_that_cannot_be_executed_is_named(rung: Rung, tmp_path: Path) -> None:
    argv = ("/nowhere/to/be/found",)
    with served(echo) as door:
        program = SandboxedProgram(argv, {MARK: str(tmp_path)}, tmp_path, tmp_path, doors=(door,))
        ended = process.run(rung, program, StopConditions(20), Control(), tmp_path / "out")
    assert ended.exit_code == 127
    assert (tmp_path / "out").read_text() == "/nowhere/to/be/found: No such file or directory\n"
