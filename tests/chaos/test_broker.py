"""Nothing depends on the broker but speed: emptied, restarted, flooded or robbed, the bench finishes."""

import psutil
import pytest
import redis

from bench.embedded.farm import EmbeddedFarm
from tests.fixtures.fleet import Fleet
from tests.fixtures.rows import QUEUE
from tests.fixtures.servers import _redis_url
from workers.broker.celery_app import TASK_NAME, broker_queue

pytestmark = pytest.mark.slow
KEY = "bench:" + broker_queue(QUEUE)


def test_emptied_robbed_and_flooded_the_broker_changes_nothing(farm: Fleet) -> None:
    worker = farm.worker(slots=2)
    bench = farm.bench(cases=3)
    farm.until_running(worker, 2)
    main = worker.celery_main()
    with redis.Redis.from_url(_redis_url(farm.broker_url)) as broker:
        broker.delete(KEY)
        farm.tick()
        broker.flushall()
        farm.bell.ring(QUEUE, 60)
        for name in ("no.such.task", "celery.backend_cleanup"):
            farm.app.send_task(name, args=[{"a": 1}], queue=broker_queue(QUEUE))
        farm.app.send_task(TASK_NAME, args=[1], kwargs={"x": 2}, queue=broker_queue(QUEUE), countdown=3600)
        broker.lpush(KEY, b"not json", b"{}", b'{"body": 1}', b"\xff\x00", b"[]", b"[" * 100_000)
        farm.bell.ring(QUEUE, 60)
        farm.let_go()
        farm.until_finished(bench)
        farm.until("every message is taken", lambda: not broker.llen(KEY), ticking=False)
    assert farm.endings(bench) == ["done"] * 3
    farm.assert_nothing_lost(bench, {"done": 3})

    # The same process still hears.
    assert worker.celery_main() == main
    again = farm.bench()
    farm.until_finished(again)
    farm.assert_nothing_lost(again, {"done": 1})
    assert worker.end() == 0
    farm.assert_no_process_is_left()


def test_a_broker_that_dies_and_comes_back_empty_leaves_no_worker_deaf(
    own_farm: Fleet, own_servers: EmbeddedFarm
) -> None:
    worker = own_farm.worker()
    coordinator = own_farm.command("coordinator")
    bench = own_farm.bench(cases=2)
    own_farm.until("one runs", worker.notes, ticking=False)
    (broker,) = [part for part in own_servers.status() if part.name == "broker"]
    assert broker.pid
    server = psutil.Process(broker.pid)
    server.kill()
    server.wait(60)
    own_farm.let_go()
    own_farm.until("it runs to its end", lambda: own_farm.states(bench).get("done"), ticking=False)
    own_servers.up()
    own_farm.until_finished(bench, ticking=False)
    assert own_farm.endings(bench) == ["done", "done"]
    own_farm.assert_nothing_lost(bench, {"done": 2})
    assert coordinator.process.poll() is None
    assert worker.end() == 0
    own_farm.assert_no_process_is_left()
