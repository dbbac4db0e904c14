"""Forty executions among random deaths: each is done, none twice."""

import random
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import psutil
import pytest

from bench.embedded.farm import EmbeddedFarm
from tests.fixtures.fleet import Fleet, Part, Worker

pytestmark = pytest.mark.slow
CHAOS_SECONDS = 12.0


class Chaos:
    """Kills this and that of a fleet, and sees to it that something new takes its place."""

    def __init__(self, fleet: Fleet, servers: EmbeddedFarm, seed: int) -> None:
        self.fleet = fleet
        self.servers = servers
        self.dice = random.Random(seed)
        self.workers = {name: self.new_worker(name) for name in ("w1", "w2")}
        self.coordinator: Part = fleet.command("coordinator", "--standby")
        self.done: Counter[str] = Counter()
        self.acts: list[tuple[int, Callable[[], None]]] = [
            (6, self.kill_a_pool_child),
            (2, self.kill_a_celery_process),
            (2, self.kill_a_worker),
            (1, self.stop_a_worker),
            (3, self.kill_the_coordinator),
            (4, self.empty_the_broker),
            (1, self.kill_the_broker),
            (1, self.kill_the_database),
        ]

    def act(self) -> None:
        """One random deed."""
        weights = [weight for weight, _ in self.acts]
        deed = self.dice.choices([deed for _, deed in self.acts], weights)[0]
        self.done[deed.__name__] += 1
        deed()

    def new_worker(self, name: str) -> Worker:
        return self.fleet.worker(name, slots=2, lease=5)

    def kill_a_pool_child(self) -> None:
        _kill_one(self.workers[self.dice.choice(["w1", "w2"])])

    def kill_a_celery_process(self) -> None:
        worker = self.workers[self.dice.choice(["w1", "w2"])]
        for child in psutil.Process(worker.process.pid).children():
            _kill(child)

    def kill_a_worker(self) -> None:
        name = self.dice.choice(["w1", "w2"])
        self.workers[name].kill_tree()
        self.workers[name] = self.new_worker(name)

    def stop_a_worker(self) -> None:
        name = self.dice.choice(["w1", "w2"])
        self.workers[name].end()
        self.workers[name] = self.new_worker(name)

    def kill_the_coordinator(self) -> None:
        self.coordinator.kill_tree()
        self.coordinator = self.fleet.command("coordinator", "--standby")

    def empty_the_broker(self) -> None:
        with self.fleet.app.connection_for_write() as connection:
            connection.default_channel.client.flushall()

    def kill_the_broker(self) -> None:
        self._kill_server("broker")

    def kill_the_database(self) -> None:
        self._kill_server("postgres")
        self.fleet.engine.dispose()
        if self.coordinator.process.poll() is not None:
            self.coordinator = self.fleet.command("coordinator", "--standby")

    def _kill_server(self, name: str) -> None:
        for part in self.servers.status():
            if part.name == name and part.pid:
                server = psutil.Process(part.pid)
                server.kill()
                server.wait(60)
        self.servers.up()


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _kill_one(worker: Worker) -> bool:
    holders = worker.holders()
    for child in holders[:1]:
        _kill(child)
    return bool(holders)


def test_among_random_deaths_every_execution_comes_to_one_end(
    own_farm: Fleet, own_servers: EmbeddedFarm
) -> None:
    chaos = Chaos(own_farm, own_servers, seed=2026)
    bench = own_farm.bench(cases=20, arms=2, admitted=False)
    # Nothing can end yet: one is lost for certain, however quick this machine is afterwards.
    own_farm.until("work has begun", partial(_kill_one, chaos.workers["w1"]), ticking=False)
    own_farm.until("one is lost", lambda: "lost" in own_farm.endings(bench), ticking=False)
    own_farm.let_go(0.3)
    until = time.monotonic() + CHAOS_SECONDS
    while time.monotonic() < until and not own_farm.over(bench):
        chaos.act()
        time.sleep(chaos.dice.random())
    own_farm.until_finished(bench, within=200)

    states = own_farm.states(bench)
    lost_twice = own_farm.scalar("SELECT count(*) FROM farm.executions WHERE lost = 2")
    # Only an execution that lost two processes ends without a result, and says so.
    assert states == {key: n for key, n in (("done", 40 - lost_twice), ("error", lost_twice)) if n}
    assert (
        own_farm.scalar("SELECT count(*) FROM farm.outcomes WHERE error_class IS DISTINCT FROM 'lost'")
        == 40 - lost_twice
    )
    assert len(own_farm.endings(bench)) > 40, f"there was chaos: {chaos.done}"
    for worker in chaos.workers.values():
        worker.end()
    own_farm.assert_nothing_lost(bench, states)
    own_farm.assert_no_process_is_left()
