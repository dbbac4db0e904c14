"""What a door costs: the forwarder at the start of a program, and what passes through it."""

import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.farm import BenchmarkFarm
from benchmarks.table import Row, Scale
from workers.control import Control
from workers.sandbox import ladder, process
from workers.sandbox.doors import door_directory
from workers.sandbox.process import StopConditions
from workers.sandbox.program import MARK, DoorMount, SandboxedProgram

_PORT = 8377
_MEGABYTES_A_RUN = 20
_TRIPS_A_RUN = 100
_CLIENT = """
import socket, sys, time
port, megabytes, trips = map(int, sys.argv[1:])
with socket.create_connection(("127.0.0.1", port)) as server:
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    begun = time.perf_counter()
    for _ in range(trips):
        server.sendall(b"p")
        server.recv(1)
    tripped = time.perf_counter()
    server.sendall(b"d%d\\n" % megabytes)
    left, buffer = megabytes << 20, bytearray(1 << 16)
    while left:
        left -= server.recv_into(buffer)
    print((tripped - begun) / trips, megabytes / (time.perf_counter() - tripped))
"""


def rows(_farm: BenchmarkFarm, scale: Scale) -> Iterator[Row]:
    """A program's start with and without a door; round trips and bytes through a door and over plain loopback."""
    runs = scale.fixed_cost_runs
    with tempfile.TemporaryDirectory(prefix="bench-doors-") as name, door_directory() as directory:
        cell = Path(name)
        path = directory / "s"
        with _serving(socket.AF_UNIX, str(path)), _serving(socket.AF_INET, ("127.0.0.1", 0)) as port:
            door = DoorMount(path, _PORT)
            yield _starts(cell, door, runs)
            client = (_CLIENT, str(_MEGABYTES_A_RUN * runs), str(_TRIPS_A_RUN * runs))
            yield from _passing(cell, door, int(port), client)


def _starts(cell: Path, door: DoorMount, runs: int) -> Row:
    bare, behind = [], []
    for _ in range(runs):
        # In turns, so that a busy moment meets both.
        bare.append(_seconds(partial(_in_sandbox, cell, ("/bin/true",))))
        behind.append(_seconds(partial(_in_sandbox, cell, ("/bin/true",), door)))
    plain, with_door = statistics.median(bare) * 1000, statistics.median(behind) * 1000
    return Row(
        "door: start of a program",
        f"{with_door:.0f} ms",
        f"without a door: {plain:.0f} ms (median of {runs})",
        f"{with_door / plain:.1f}×",
    )


def _passing(cell: Path, door: DoorMount, port: int, client: tuple[str, str, str]) -> Iterator[Row]:
    code, megabytes, trips = client
    argv = (sys.executable, "-I", "-S", "-c", code)
    direct = subprocess.run([*argv, str(port), megabytes, trips], capture_output=True, text=True, check=True)
    through = _in_sandbox(cell, (*argv, str(door.port), megabytes, trips), door)
    trip, speed = map(float, through.split())
    direct_trip, direct_speed = map(float, direct.stdout.split())
    yield Row(
        "door: round trip of a byte",
        f"{trip * 1e6:.0f} µs",
        f"loopback without a door: {direct_trip * 1e6:.0f} µs",
        f"{trip / direct_trip:.1f}×",
        "≤1 ms",
        trip <= 0.001,
    )
    yield Row(
        "door: bytes to a program",
        f"{speed:,.0f} MB/s",
        f"loopback without a door: {direct_speed:,.0f} MB/s",
        f"{direct_speed / speed:.1f}×",
    )


def _in_sandbox(cell: Path, argv: tuple[str, ...], *doors: DoorMount) -> str:
    """What the program writes."""
    program = SandboxedProgram(argv, {MARK: str(cell), "LANG": "C.UTF-8"}, cell, cell, doors=doors)
    out = cell / "out"
    ended = process.run(ladder.choose("auto"), program, StopConditions(300), Control(), out)
    if ended.exit_code != 0:
        raise RuntimeError(f"{argv[0]} ended with {ended}: {out.read_text()}")
    return out.read_text()


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


@contextmanager
def _serving(family: socket.AddressFamily, address: str | tuple[str, int]) -> Iterator[str]:
    """A server that answers `p` with a byte, and `d` with as many megabytes as it names; yields its port or path."""
    with socket.socket(family) as listening:
        listening.bind(address)
        listening.listen()
        threading.Thread(target=_accept, args=(listening,), daemon=True).start()
        name = listening.getsockname()
        yield name if family == socket.AF_UNIX else str(name[1])
        listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, connection.makefile("rb", buffering=0) as requests:
            if connection.family == socket.AF_INET:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := requests.read(1):
                if request == b"p":
                    connection.sendall(b"p")
                else:
                    for _ in range(int(requests.readline())):
                        connection.sendall(bytes(1 << 20))
