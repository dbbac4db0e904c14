"""The coordinator may be killed between any two statements, and tick beside others."""

import multiprocessing
import random
from multiprocessing.context import ForkServerContext

import pytest

from tests.fixtures.fleet import Fleet, tick_for_ever

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nursery() -> ForkServerContext:
    """Starts processes in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.fixtures.fleet"])
    return context


def test_coordinators_killed_at_any_point_lose_and_double_nothing(
    farm: Fleet, nursery: ForkServerContext
) -> None:
    bench = farm.bench(cases=6, arms=2, admitted=False)
    worker = farm.worker(slots=2)
    dice = random.Random(11)
    urls = (farm.database_url, farm.broker_url)
    standing = nursery.Process(target=tick_for_ever, args=urls)
    standing.start()
    kills = 0

    def killed_until_finished() -> bool:
        nonlocal standing, kills
        # There are always two at once, and the older one dies; later ones live longer, should this machine be slow.
        younger = nursery.Process(target=tick_for_ever, args=urls)
        younger.start()
        standing.join(0.1 + dice.random() * (0.4 + kills / 50))
        standing.kill()
        standing.join(60)
        standing.close()
        standing, kills = younger, kills + 1
        if kills == 4:
            farm.let_go()
        return farm.over(bench)

    try:
        farm.until("the bench finishes", killed_until_finished, within=200, ticking=False)
    finally:
        standing.kill()
        standing.join(60)
        standing.close()
    assert farm.endings(bench) == ["done"] * 12
    assert farm.scalar("SELECT count(*) FROM farm.verdicts WHERE winner_arm_id IS NOT NULL") == 6
    farm.assert_nothing_lost(bench, {"done": 12})
    worker.end()
    farm.assert_no_process_is_left()


def test_a_killed_coordinator_is_followed_by_the_one_on_standby(farm: Fleet) -> None:
    worker = farm.worker()
    first = farm.command("coordinator")
    said = first.log.read_text
    farm.until("the first ticks", lambda: "ticking" in said(), ticking=False)
    second = farm.command("coordinator", "--standby")
    bench = farm.bench(cases=2, admitted=False)
    farm.until("one runs", worker.notes, ticking=False)
    first.kill_tree()
    farm.let_go()
    farm.until_finished(bench, ticking=False)
    assert second.process.poll() is None
    assert said().count("ticking") == 2
    farm.assert_nothing_lost(bench, {"done": 2})
    third = farm.command("coordinator", "--standby")
    assert second.end() == 0
    farm.until("the third ticks", lambda: said().count("ticking") == 3, ticking=False)
    fourth = farm.command("coordinator", "--standby")
    farm.until("it waits", lambda: farm.is_connected(fourth), ticking=False)
    assert fourth.end() == 0, "whoever waits can be told to go"
    assert third.end() == 0
    assert said().count("ticking") == 3
