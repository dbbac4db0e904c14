"""The sidecar answers everybody, whatever its other clients send, and however slowly they send or read it."""

import json
import random
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.host.config import InferenceConfig, PlannerConfig
from planner.serving import connections, rpc
from planner.serving.endpoints import MAX_CONNECTIONS, Endpoint
from planner.serving.http_endpoint import HttpEndpoint
from planner.serving.service import Service
from planner.serving.unix_endpoint import UnixEndpoint
from tests.fixtures.planner_examples import planner_input
from tests.fixtures.stand_in_models import SURE, HeadsModel, planner_with

_HEALTH: Final = b'{"jsonrpc": "2.0", "id": 1, "method": "health"}'
_BUSY: Final = 20
"""Connections that are allowed in tests of fairness; each costs a thread."""


def _service() -> Service:
    config = PlannerConfig(inference=InferenceConfig(timeout_ms=20_000))
    return Service(lambda: planner_with(HeadsModel(SURE), config))


def _ask(request: bytes) -> Any:
    response = _service().answer(request)
    return None if response is None else json.loads(response)


@pytest.fixture(params=["unix", "http"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    """A sidecar that listens; it is stopped at the end, and must then be idle."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    made: Endpoint
    if request.param == "unix":
        made = UnixEndpoint(place / "s", _service())
    else:
        made = HttpEndpoint("127.0.0.1", 0, _service())
    made.max_connections = _BUSY
    made.begin()
    yield made
    assert made.stop(30)
    shutil.rmtree(place)


def _connect(endpoint: Endpoint) -> socket.socket:
    if isinstance(endpoint, UnixEndpoint):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(60)
        client.connect(str(endpoint))
    else:
        client = socket.create_connection(("127.0.0.1", endpoint.server_address[1]), timeout=60)
    return client


def _framed(endpoint: Endpoint, request: bytes) -> bytes:
    if isinstance(endpoint, UnixEndpoint):
        return request + b"\n"
    head = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    return head % len(request) + request


def _answered(endpoint: Endpoint, client: socket.socket, request: bytes = _HEALTH) -> bool:
    """Whether the client gets an answer; False where the connection ended instead."""
    try:
        client.sendall(_framed(endpoint, request))
        received = b""
        while b'"result"' not in received:
            part = client.recv(65536)
            if not part:
                return False
            received += part
    except ConnectionError:
        return False
    return True


# What a request is made of.


@pytest.mark.parametrize("digits", [309, 400, 4_300])
def test_an_id_of_many_digits_comes_back(digits: int) -> None:
    number = "7" * digits
    request = f'{{"jsonrpc": "2.0", "id": {number}, "method": "health"}}'
    assert f'"id":{number}' in (_service().answer(request.encode()) or b"").decode()


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        (b'{"jsonrpc": "2.0", "id": ' + b"7" * 100_000 + b', "method": "health"}', rpc.PARSE_ERROR),
        (b'{"jsonrpc": "2.0", "id": 1e999, "method": "health"}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": -1e999, "method": "health"}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": NaN, "method": "health"}', rpc.PARSE_ERROR),
        (b'{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "health"}', rpc.PARSE_ERROR),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "health", "method": "reload"}', rpc.PARSE_ERROR),
        (
            b'{"jsonrpc": "2.0", "id": 1, "method": "health", "params": {"a": {"b": 1, "b": 2}}}',
            rpc.PARSE_ERROR,
        ),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "he\xff\xfealth"}', rpc.PARSE_ERROR),
        (b'\xef\xbb\xbf{"jsonrpc": "2.0", "id": 1, "method": "health"}', rpc.PARSE_ERROR),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "health", "params": ' + b'{"a":' * 50_000, rpc.PARSE_ERROR),
        (b'{"jsonrpc": "2.0", "id": ["x"], "method": "health"}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": {"x": 1}, "method": "health"}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": true, "method": "health"}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc": 2.0, "id": 1, "method": "health"}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "\\u0000\\u001b]0;x"}', rpc.METHOD_NOT_FOUND),
    ],
)
def test_an_odd_request_is_refused_in_the_protocol(request_text: bytes, code: int) -> None:
    assert _ask(request_text)["error"]["code"] == code


@pytest.mark.parametrize(
    "value", ["7" * 400, "1e999", "-1e999", "7" * 4_300, '"\\ud800"', "[" * 400 + "]" * 400]
)
def test_numbers_and_depths_without_measure_in_an_input_are_decided_upon(value: str) -> None:
    asked = planner_input(random.Random(4))
    issue = {**asked["issue"], "dk_attempts": "MARK", "extra": "MARK"}
    request = {"jsonrpc": "2.0", "id": 1, "method": "predict", "params": {"issue": issue}}
    response = _ask(json.dumps(request).replace('"MARK"', value).encode())
    assert "result" in response or response["error"]["code"] == rpc.INTERNAL_ERROR


def test_a_result_that_json_cannot_hold_is_an_error_of_the_protocol() -> None:
    request = b'{"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"x": 1e999}}'
    found = json.loads(rpc.answer(request, {"echo": lambda params: params}) or b"")
    assert found["error"]["code"] == rpc.INTERNAL_ERROR


_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(10**300, 10**305) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_REQUESTS: Final = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | _JSON,
        "id": _JSON,
        "method": st.sampled_from(["predict", "health", "nothing"]) | _JSON,
        "params": _JSON | st.dictionaries(st.sampled_from(["planner_input", "issue", "history"]), _JSON),
    },
)


@given(
    st.binary()
    | st.one_of(_REQUESTS, st.lists(_REQUESTS, max_size=4), _JSON).map(lambda r: json.dumps(r).encode())
)
def test_every_frame_has_an_answer_of_the_protocol(frame: bytes) -> None:
    response = _SERVICE.answer(frame)
    if response is not None:
        assert b"\n" not in response
        answers = json.loads(response)
        for one in answers if isinstance(answers, list) else [answers]:
            assert one["jsonrpc"] == "2.0"
            assert ("result" in one) != ("error" in one)


_SERVICE: Final = _service()


# Clients that take their time.


def test_silent_clients_keep_nobody_out(endpoint: Endpoint) -> None:
    silent = [_connect(endpoint) for _ in range(3 * _BUSY)]
    client = _connect(endpoint)
    for _ in range(3):
        assert _answered(endpoint, client)
    for one in (*silent, client):
        one.close()


def test_who_was_answered_stays_where_silent_clients_come(endpoint: Endpoint) -> None:
    client = _connect(endpoint)
    assert _answered(endpoint, client)
    silent = [_connect(endpoint) for _ in range(3 * _BUSY)]
    assert _answered(endpoint, client)
    for one in (*silent, client):
        one.close()


def test_clients_that_send_a_byte_now_and_then_keep_nobody_out(endpoint: Endpoint) -> None:
    slow = [_connect(endpoint) for _ in range(_BUSY)]
    ended = threading.Event()

    def dribble() -> None:
        while not ended.wait(0.01):
            for one in slow:
                try:
                    one.sendall(b"P")
                except OSError:
                    continue

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        with _connect(endpoint) as client:
            assert _answered(endpoint, client)
    finally:
        ended.set()
        thread.join()
        for one in slow:
            one.close()


def test_a_request_has_one_deadline_however_often_a_byte_comes(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    ended = threading.Event()
    with _connect(endpoint) as slow:

        def dribble() -> None:
            while not ended.wait(0.02):
                try:
                    slow.sendall(b"P")
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            # Each byte comes in time; the request does not.
            assert _is_ended(slow)
        finally:
            ended.set()
            thread.join()


def test_a_client_that_says_nothing_is_left_after_a_while(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint.RequestHandlerClass, "idle_seconds", 0.2)
    with _connect(endpoint) as silent:
        assert _is_ended(silent)


def test_a_client_that_reads_no_answer_is_left_after_a_while(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    with _connect(endpoint) as deaf:
        deaf.setblocking(False)
        batch = _framed(endpoint, b"[" + b",".join([_HEALTH] * 100) + b"]")
        with pytest.raises((ConnectionError, TimeoutError)):
            _send_until_refused(deaf, batch)


def _send_until_refused(client: socket.socket, frame: bytes) -> None:
    """Send on and on, reading nothing, until the other side has left."""
    client.settimeout(30)
    for _ in range(100_000):
        client.sendall(frame)


def _is_ended(client: socket.socket) -> bool:
    """Whether the server ends the connection; a client that waits longer than its own timeout fails."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def test_one_process_may_still_open_as_many_as_before() -> None:
    assert MAX_CONNECTIONS == 128
