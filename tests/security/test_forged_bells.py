"""A message from the broker is a bell and nothing else: no header and no option of it reaches Celery."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.fixtures.fleet import Fleet, fleet, repository_at
from tests.fixtures.rows import QUEUE
from tests.fixtures.servers import _redis_url
from workers.broker.celery_app import TASK_NAME, broker_queue, make_app
from workers.broker.transport import DoorbellTransport, doorbell_message, is_doorbell

KEY = "bench:" + broker_queue(QUEUE)
FAR, PAST = "2099-01-01T00:00:00+00:00", "2001-01-01T00:00:00+00:00"
HEADERS: dict[str, Any] = {
    "timelimit": [2, 1],
    "eta": FAR,
    "expires": PAST,
    "retries": 10**9,
    "group": "g",
    "group_index": 3,
    "root_id": {"not": "text"},
    "parent_id": [1],
    "shadow": "another.task",
    "argsrepr": 7,
    "kwargsrepr": None,
    "ignore_result": False,
    "replaced_task_nesting": 9,
    "stamped_headers": ["task"],
    "stamps": {"task": ["x"]},
    "origin": None,
    "compression": "zlib",
    "lang": "java",
    "id": None,
    "sentry-trace": "0" * 10_000,
}
EMBEDDED = {name: [{"task": TASK_NAME, "args": [1]}] for name in ("callbacks", "errbacks", "chain")}
BODIES: dict[str, Any] = {
    "arguments": base64.b64encode(json.dumps([[1], {"x": 2}, {}]).encode()).decode(),
    "a chain": base64.b64encode(json.dumps([[], {}, {**EMBEDDED, "chord": {"task": "x"}}]).encode()).decode(),
    "no base64": "%",
    "no text": {"a": 1},
    "protocol 1": base64.b64encode(json.dumps({"task": TASK_NAME, "timelimit": [1, 1]}).encode()).decode(),
}


def forged(
    headers: dict[str, Any] | None = None, properties: dict[str, Any] | None = None, **outer: Any
) -> dict[str, Any]:
    """A bell with something more to it."""
    message = doorbell_message(QUEUE)
    message["headers"].update(headers or {})
    message["properties"].update(properties or {})
    return {**message, **outer}


FORGERIES = [
    *(pytest.param(forged({name: value}), id=name) for name, value in HEADERS.items()),
    pytest.param(forged(HEADERS), id="all headers"),
    *(pytest.param(forged(body=body), id=f"body: {name}") for name, body in BODIES.items()),
    pytest.param(forged(properties={"delivery_tag": ["no", "tag"]}), id="delivery tag"),
    pytest.param(forged(properties={"delivery_info": {"routing_key": "class.other"}}), id="another queue"),
    pytest.param(forged(properties={"body_encoding": "nothing", "reply_to": "x"}), id="encoding"),
    pytest.param({"headers": {"task": TASK_NAME}}, id="nothing else"),
    pytest.param(forged(None, None, **{"content-type": "application/x-python-serialize"}), id="pickle"),
]


@pytest.mark.parametrize("message", FORGERIES)
def test_celery_is_given_the_same_bell_whatever_the_message_says(
    message: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "kombu.transport.virtual.Transport._deliver", lambda _self, raw, _queue: given.append(raw)
    )
    transport = DoorbellTransport.__new__(DoorbellTransport)
    transport._deliver(message, broker_queue(QUEUE))
    (delivered,) = given
    assert _unnumbered(delivered) == _unnumbered(doorbell_message(broker_queue(QUEUE)))


def _unnumbered(message: dict[str, Any]) -> dict[str, Any]:
    headers = {**message["headers"], "id": "", "root_id": ""}
    properties = {**message["properties"], "correlation_id": "", "delivery_tag": ""}
    return {**message, "headers": headers, "properties": properties}


@pytest.mark.parametrize(
    "message", [None, [], "x", 1, {}, {"headers": 1}, {"headers": {"task": "celery.map"}}]
)
def test_what_names_no_task_of_the_farm_is_no_bell(message: object) -> None:
    assert not is_doorbell(message)


def test_nothing_of_a_bell_that_was_read_stays_in_the_broker(broker_url: str) -> None:
    """What the broker kept of unacknowledged messages could be forged, too: it is not used at all."""
    app = make_app(broker_url)
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        assert type(channel.qos).__module__ == "kombu.transport.virtual.base"
    app.close()


@pytest.fixture
def farm(
    tmp_path: Path, database_url: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    repository = repository_at(tmp_path_factory.mktemp("forged") / "repo")
    with fleet(tmp_path, database_url, broker_url, repository) as one:
        yield one


@pytest.mark.slow
def test_a_real_worker_is_neither_killed_nor_delayed_nor_misled_by_forged_bells(farm: Fleet) -> None:
    worker = farm.worker()
    bench = farm.bench(cases=2)
    farm.until("it has registered", lambda: farm.scalar("SELECT count(*) FROM farm.machines"), ticking=False)
    with redis.Redis.from_url(_redis_url(farm.broker_url)) as broker:
        # A poisoned store of unacknowledged messages, due at once.
        broker.hset("bench:unacked", "forged", "no json")
        broker.zadd("bench:unacked_index", {"forged": 1})
        broker.lpush(KEY, json.dumps(forged(HEADERS)))
        farm.until("the forged bell rings at once", lambda: farm.endings(bench), ticking=False)
        farm.until("its toolchain runs", worker.toolchains, ticking=False)
        broker.lpush(KEY, *(json.dumps(param.values[0]) for param in FORGERIES))
        # Past both time limits of the forged header.
        time.sleep(4)
        assert farm.endings(bench) == ["running"]
        farm.let_go()
        farm.until_finished(bench)
        farm.until("every message is taken", lambda: not broker.llen(KEY), ticking=False)
    assert farm.endings(bench) == ["done", "done"], farm.story()
    farm.assert_nothing_lost(bench, {"done": 2})
    assert worker.end() == 0
    farm.assert_no_process_is_left()
