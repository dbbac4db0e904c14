"""One suite for every doorbell: the fake, Celery on a fake broker, Celery on a real one."""

import json
from collections.abc import Iterator
from typing import Any

import fakeredis
import kombu.pools
import pytest
import redis

from workers.broker.celery_app import TASK_NAME, make_app
from workers.broker.doorbell import CeleryDoorbell, Doorbell, DoorbellError, doorbells_to_ring
from workers.testing import RecordingDoorbell


@pytest.fixture(params=["recording", "celery-fake", "celery-real"])
def bell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doorbell]:
    if request.param == "recording":
        yield RecordingDoorbell()
        return
    if request.param == "celery-real":
        app = make_app(request.getfixturevalue("broker_url"))
    else:
        server = fakeredis.FakeServer()

        def client(*_: Any, **options: Any) -> fakeredis.FakeRedis:
            return fakeredis.FakeRedis(server=server)

        monkeypatch.setattr("kombu.transport.redis.Channel._create_client", lambda channel, **_: client())
        app = make_app("redis://nowhere:1/0")
    yield CeleryDoorbell(app)
    kombu.pools.reset()


def test_a_quiet_bell_has_nothing_waiting(bell: Doorbell) -> None:
    assert bell.waiting("repair") == 0


def test_bells_wait_by_class_until_they_are_heard(bell: Doorbell) -> None:
    bell.ring("repair", 3)
    bell.ring("claude+tag:gpu", 1)
    assert bell.waiting("repair") == 3
    assert bell.waiting("claude+tag:gpu") == 1
    bell.ring("repair", 2)
    assert bell.waiting("repair") == 5


def test_ringing_no_times_rings_nobody(bell: Doorbell) -> None:
    bell.ring("repair", 0)
    assert bell.waiting("repair") == 0


def test_a_message_carries_nothing_but_the_class(broker_url: str) -> None:
    app = make_app(broker_url)
    CeleryDoorbell(app).ring("repair", 1)
    with app.connection_for_read() as connection:
        client: redis.Redis = connection.default_channel.client
        message = json.loads(client.lrange("bench:class.repair", 0, 0)[0])
    assert message["headers"]["task"] == TASK_NAME
    assert message["headers"]["argsrepr"] == "()"
    assert message["headers"]["kwargsrepr"] == "{}"
    kombu.pools.reset()


def test_a_broker_that_is_away_is_a_bell_error(tmp_path: Any) -> None:
    bell = CeleryDoorbell(make_app(f"redis+socket://{tmp_path}/none.sock"))
    with pytest.raises(DoorbellError, match="the broker does not answer"):
        bell.waiting("repair")


def test_a_broker_that_answers_with_an_error_is_a_bell_error(broker_url: str) -> None:
    app = make_app(broker_url)
    with app.connection_for_read() as connection:
        connection.default_channel.client.set("class.spoiled", "no list")
        with pytest.raises(DoorbellError, match="wrong kind of value"):
            CeleryDoorbell(app).waiting("spoiled")
        connection.default_channel.client.delete("class.spoiled")
    kombu.pools.reset()


@pytest.mark.parametrize(
    ("ready", "waiting", "window", "bells"),
    [(0, 0, 64, 0), (5, 0, 64, 5), (5, 3, 64, 2), (100, 0, 64, 64), (100, 64, 64, 0), (3, 9, 64, 0)],
)
def test_never_more_bells_than_work_and_never_more_than_the_window(
    ready: int, waiting: int, window: int, bells: int
) -> None:
    assert doorbells_to_ring(ready, waiting, window) == bells
