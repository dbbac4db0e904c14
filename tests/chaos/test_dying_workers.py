"""Whatever part of a worker dies, its execution is run again, once, and nothing of it stays behind."""

import signal

import pytest

from tests.fixtures.fleet import Fleet

pytestmark = pytest.mark.slow


def test_a_pool_child_killed_in_the_middle_is_replaced_and_its_execution_run_again_at_once(
    farm: Fleet,
) -> None:
    worker = farm.worker()
    bench = farm.bench()
    farm.until_running(worker)
    (child,) = worker.holders()
    child.kill()
    farm.until("the loss is recorded", lambda: farm.endings(bench) == ["lost", "running"], within=10)
    farm.until_running(worker)
    assert len(worker.toolchains()) <= 4, "the first attempt's processes are gone"
    farm.let_go()
    farm.until_finished(bench)
    assert farm.endings(bench) == ["lost", "done"]
    farm.assert_nothing_lost(bench, {"done": 1})
    worker.end(signal.SIGTERM)
    farm.assert_no_process_is_left()
