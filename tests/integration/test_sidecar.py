"""The sidecar as a process: what has arrived is answered, whatever happens to the server."""

import http.client
import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from planner.serving.endpoints import MAX_FRAME
from tests.fixtures.planner_examples import planner_input

ASKED = planner_input(random.Random(4))
PREDICT = {"jsonrpc": "2.0", "id": 1, "method": "predict", "params": {"planner_input": ASKED}}
SERVE = [sys.executable, "-m", "planner.cli.main", "serve"]
# A sidecar whose model takes its time, and says on standard output when it has begun.
SLOW = """
import sys, time
from pathlib import Path
from planner.host.config import InferenceConfig, PlannerConfig
from planner.serving.server import serve
from planner.serving.service import Service
from planner.serving.unix_endpoint import UnixEndpoint
from tests.fixtures.stand_in_models import SURE, HeadsModel, planner_with

def slowly():
    print("asked", flush=True)
    time.sleep(0.3)

config = PlannerConfig(inference=InferenceConfig(timeout_ms=20_000))
service = Service(lambda: planner_with(HeadsModel(SURE, before=slowly), config), queue=8)
sys.exit(0 if serve(UnixEndpoint(Path(sys.argv[1]), service), lambda name: print(name, flush=True)) else 1)
"""


@pytest.fixture
def bundle(small_bundle: Path) -> Path:
    return small_bundle


@pytest.fixture
def other_bundle(exported: Callable[..., Path]) -> Path:
    return exported("mlp", seed=1)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A short directory: the path of a Unix socket has at most 107 bytes."""
    short = Path(f"/tmp/sc{os.getpid()}-{random.randrange(10**6)}")
    short.mkdir(mode=0o700)
    yield short
    shutil.rmtree(short)


@contextmanager
def running(arguments: list[Any]) -> Iterator[subprocess.Popen[str]]:
    """A server that has said where it listens."""
    command = [str(argument) for argument in arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, process.stderr.read() if process.stderr else ""
            process.address = first.strip().removeprefix("serving on ")  # type: ignore[attr-defined]
            yield process
        finally:
            if process.poll() is None:
                process.kill()


class Client:
    """One connection to a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")

    def send(self, *requests: Any) -> None:
        self._socket.sendall(b"".join(json.dumps(request).encode() + b"\n" for request in requests))

    def receive(self) -> Any:
        line = self._lines.readline()
        return json.loads(line) if line else None

    def ask(self, request: Any) -> Any:
        self.send(request)
        return self.receive()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _accepted(path: Path) -> Client:
    """A connection that is served, as soon as the server is done with those that were closed before."""
    while True:
        client = Client(path)
        try:
            if client.ask({"jsonrpc": "2.0", "id": 1, "method": "health"})["id"] == 1:
                return client
        except OSError:  # turned away before it could ask
            pass
        client.close()


def _stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(60)


def _refused(arguments: list[Any]) -> str:
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("planner: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_everything_that_arrived_before_sigterm_is_answered(place: Path) -> None:
    path = place / "s"
    with running([sys.executable, "-c", SLOW, path]) as process:
        clients = [Client(path) for _ in range(4)]
        for client in clients:
            client.send(*({**PREDICT, "id": n} for n in range(3)))
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGTERM)
        for client in clients:
            answers = [client.receive() for _ in range(3)]
            assert [(a["id"], a["result"]["abstain_to_default"]) for a in answers] == [
                (n, False) for n in range(3)
            ]
            assert client.receive() is None
            client.close()
        assert process.wait(60) == 0
    assert not path.exists()


def test_connections_that_wait_to_be_accepted_when_the_signal_comes_are_served(place: Path) -> None:
    path = place / "s"
    with running([sys.executable, "-c", SLOW, path]) as process:
        process.send_signal(signal.SIGSTOP)
        clients = [Client(path) for _ in range(5)]
        for client in clients:
            client.send(PREDICT)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        assert all("result" in client.receive() for client in clients)
        for client in clients:
            client.close()
        assert process.wait(60) == 0


def test_a_socket_is_its_owners_alone_and_a_second_server_is_refused(bundle: Path, place: Path) -> None:
    path = place / "s"
    command = [*SERVE, "--bundle", bundle, "--socket", path]
    with running(command) as process:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "another planner serves this socket" in _refused(command)
        with Client(path) as client:
            assert client.ask(PREDICT)["result"]["input_hash"]
        assert _stop(process) == 0


def test_the_socket_of_a_killed_server_is_replaced_and_anything_else_is_not(
    bundle: Path, place: Path
) -> None:
    path = place / "s"
    command = [*SERVE, "--bundle", bundle, "--socket", path]
    with running(command) as process:
        process.kill()
        process.wait()
        assert path.exists()
    with running(command) as process:
        with Client(path) as client:
            assert "result" in client.ask({"jsonrpc": "2.0", "id": 1, "method": "health"})
        assert _stop(process) == 0
    path.write_text("mine")
    assert "is not a socket" in _refused(command)
    assert path.read_text() == "mine"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        assert "another program serves this socket" in _refused(command)
    assert "the socket cannot be created" in _refused([*command[:-1], place / "nowhere" / "s"])
    assert "the socket cannot be created" in _refused([*command[:-1], place / ("long" * 40)])


def test_a_reload_under_load_drops_no_request_and_changes_the_model(
    bundle: Path, other_bundle: Path, place: Path
) -> None:
    served, path = place / "bundle", place / "s"
    shutil.copytree(bundle, served)
    answers: list[Any] = []
    begun, reloaded = threading.Barrier(5), threading.Event()

    def load() -> None:
        """Ask once before the reload, without pause during it, and once after it."""
        with Client(path) as client:
            answers.append(client.ask(PREDICT))
            begun.wait()
            while not reloaded.is_set():
                answers.append(client.ask(PREDICT))
            answers.append(client.ask(PREDICT))

    with running([*SERVE, "--bundle", served, "--socket", path, "--timeout-ms", 60_000]) as process:
        with Client(path) as client:
            before = client.ask({"jsonrpc": "2.0", "id": 0, "method": "health"})["result"]["model"]
            threads = [threading.Thread(target=load) for _ in range(4)]
            for thread in threads:
                thread.start()
            begun.wait()
            (served / "metadata.json").write_text("{}")
            refused = client.ask({"jsonrpc": "2.0", "id": 1, "method": "reload"})
            assert refused["error"]["message"].startswith("the old model stays: ")
            shutil.rmtree(served)
            shutil.copytree(other_bundle, served)
            after = client.ask({"jsonrpc": "2.0", "id": 2, "method": "reload"})["result"]["model"]
            last = client.ask(PREDICT)
            reloaded.set()
            for thread in threads:
                thread.join()
        assert _stop(process) == 0
    used = {answer["result"]["model"]["checkpoint_id"] for answer in answers}
    assert last["result"]["model"] == after != before
    assert used == {before["checkpoint_id"], after["checkpoint_id"]}
    assert all("inference" not in str(answer["result"].get("reason")) for answer in answers)


def test_a_line_that_is_too_long_is_refused_and_the_server_goes_on(bundle: Path, place: Path) -> None:
    path = place / "s"
    with running([*SERVE, "--bundle", bundle, "--socket", path]) as process:
        with Client(path) as client:
            # Too long by the one byte that ends the line: nothing is left unread, which would reset the connection.
            client.send({"pad": "x" * (MAX_FRAME - len('{"pad": ""}'))})
            assert client.receive()["error"]["code"] == -32002
            assert client.receive() is None
        with Client(path) as client:
            client.send([], PREDICT)
            assert client.receive()["error"]["code"] == -32600
            assert "result" in client.receive()
        idle = [_accepted(path) for _ in range(128)]
        with _accepted(path):
            # The one that had been silent longest has left for it.
            assert idle[0].receive() is None
            assert idle[-1].ask({"jsonrpc": "2.0", "id": 2, "method": "health"})["id"] == 2
        for client in idle:
            client.close()
        assert _stop(process) == 0


def _post(connection: http.client.HTTPConnection, body: Any, **headers: str) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", "/", raw, {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    content = response.read()
    return response.status, json.loads(content) if content else None


def test_http_answers_posts_on_this_machine_and_refuses_what_a_web_page_could_send(bundle: Path) -> None:
    with running([*SERVE, "--bundle", bundle, "--http", "127.0.0.1:0"]) as process:
        host = process.address.removeprefix("http://")  # type: ignore[attr-defined]
        connection = http.client.HTTPConnection(host, timeout=30)
        for _ in range(3):
            status, answer = _post(connection, PREDICT)
            assert (status, answer["id"]) == (200, 1)
        assert _post(connection, [PREDICT, PREDICT])[1][1]["result"]["input_hash"]
        assert _post(connection, {"jsonrpc": "2.0", "method": "health"}) == (204, None)
        assert _post(connection, b"{")[1]["error"]["code"] == -32700
        assert _post(connection, PREDICT, **{"Content-Type": "text/plain"})[0] == 415
        assert _post(connection, PREDICT, Host="evil.example:80")[0] == 403
        assert _post(connection, PREDICT, **{"Content-Length": "-1"})[0] == 411
        connection.close()
        assert _post(connection, b"", **{"Content-Length": str(MAX_FRAME + 1)})[0] == 413
        connection.close()
        connection.request("GET", "/")
        assert connection.getresponse().status == 404
        connection.close()
        assert _stop(process) == 0


def test_http_beyond_this_machine_must_be_asked_for(bundle: Path) -> None:
    command = [*SERVE, "--bundle", bundle, "--http"]
    assert "--allow-remote" in _refused([*command, "0.0.0.0:0"])
    with running([*command, "0.0.0.0:0", "--allow-remote"]) as process:
        port = process.address.rpartition(":")[2]  # type: ignore[attr-defined]
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
        assert _post(connection, PREDICT, Host="planner.internal")[0] == 200
        assert "cannot listen there" in _refused([*command, f"127.0.0.1:{port}"])
        connection.close()
        assert _stop(process) == 0


def test_a_bundle_that_cannot_decide_is_refused_at_the_start(bundle: Path, place: Path) -> None:
    broken = place / "bundle"
    shutil.copytree(bundle, broken)
    with (broken / "model.onnx").open("r+b") as file:
        file.truncate(100)
    assert "model.onnx" in _refused([*SERVE, "--bundle", broken, "--socket", place / "s"])
    assert "no such bundle" in _refused([*SERVE, "--bundle", place / "none", "--socket", place / "s"])
    assert "epoch" in _refused([*SERVE, "--bundle", bundle, "--epoch", "other", "--socket", place / "s"])
    assert not (place / "s").exists()
