"""Whatever part of a worker dies, its execution is run again, once, and nothing of it stays behind."""

import signal
from functools import partial

import psutil
import pytest

from tests.fixtures.fleet import Fleet, Worker, all_dead

pytestmark = pytest.mark.slow


def gone_by_themselves(worker: Worker, toolchains: list[psutil.Process]) -> bool:
    """Whether no toolchain is left after seconds, though nobody clears anything away."""
    assert toolchains
    return all_dead(toolchains)


def test_a_killed_pool_child_loses_its_execution_to_the_next_one_and_sigterm_hands_it_back(
    farm: Fleet,
) -> None:
    bench = farm.bench()
    worker = farm.worker()
    farm.until_running(worker)
    first = worker.toolchains()
    worker.holders()[0].kill()
    assert gone_by_themselves(worker, first)
    farm.until("it runs again", lambda: farm.endings(bench) == ["lost", "running"])
    farm.until_running(worker)

    assert worker.end(signal.SIGTERM) == 0
    farm.assert_no_process_is_left()
    assert farm.endings(bench) == ["lost", "released"]
    assert farm.rows("SELECT state, retries, lost FROM farm.executions WHERE arm_id IS NOT NULL") == [
        ("ready", 0, 1)
    ]

    farm.let_go()
    farm.worker()
    farm.until_finished(bench)
    assert farm.endings(bench) == ["lost", "released", "done"]
    farm.assert_nothing_lost(bench, {"done": 1})


def test_a_worker_killed_as_a_whole_is_replaced_by_another_once_its_lease_is_over(farm: Fleet) -> None:
    bench = farm.bench()
    first = farm.worker("w1", lease=27)
    farm.until_running(first)
    second = farm.worker("w2")
    toolchains = first.toolchains()
    first.kill_tree()
    assert gone_by_themselves(first, toolchains)
    farm.let_leases_end()
    farm.until_running(second)
    assert farm.endings(bench) == ["lost", "running"]

    # The first machine comes back: it neither takes the work again nor keeps what its death left lying.
    assert first.remains()
    again = farm.worker("w1")
    farm.until("the old workcell and note are cleared", lambda: not again.remains())
    assert farm.endings(bench) == ["lost", "running"]
    farm.let_go()
    farm.until_finished(bench)
    assert farm.endings(bench) == ["lost", "done"]
    farm.assert_nothing_lost(bench, {"done": 1})


def test_a_machine_that_starts_again_gives_its_work_back_long_before_the_lease_ends(farm: Fleet) -> None:
    bench = farm.bench()
    dead = farm.worker(lease=3600)
    farm.until_running(dead)
    dead.kill_tree()
    (run_dir,) = dead.work_dir.glob("run/*")
    (run_dir / "leaving.").touch()
    (run_dir / "torn.lease").write_text("{")
    assert farm.endings(bench) == ["running"]

    again = farm.worker(lease=3600)
    farm.until_running(again)
    assert farm.worker(lease=3600).process.wait(60) == 2, "one worker of a name is enough"
    assert "a worker runs here as machine 'w1' already" in again.log.read_text()
    farm.let_go()
    farm.until_finished(bench)
    assert farm.endings(bench) == ["lost", "done"]
    farm.assert_nothing_lost(bench, {"done": 1})


def test_a_celery_process_that_dies_or_ends_is_replaced_and_one_without_supervisor_hands_back_its_work(
    farm: Fleet,
) -> None:
    bench = farm.bench()
    worker = farm.worker()
    farm.until_running(worker)
    toolchains = worker.toolchains()
    worker.celery_main().kill()
    assert gone_by_themselves(worker, toolchains)
    farm.until("it runs again", lambda: farm.endings(bench) == ["lost", "running"])
    farm.until_running(worker)

    worker.celery_main().terminate()
    farm.until(
        "it is handed back, and runs again", lambda: farm.endings(bench)[1:] == ["released", "running"]
    )
    farm.until_running(worker)

    family = worker.family()
    worker.end(signal.SIGKILL)
    assert all_dead(family), "the others notice, and end by themselves"
    assert farm.endings(bench)[1:] == ["released", "released"]
    farm.assert_no_process_is_left()
    farm.let_go()
    farm.worker()
    farm.until_finished(bench)
    assert farm.endings(bench) == ["lost", "released", "released", "done"]
    farm.assert_nothing_lost(bench, {"done": 1})


def test_an_execution_that_always_kills_its_worker_ends_with_evidence_and_the_rest_finishes(
    farm: Fleet,
) -> None:
    bench = farm.bench(cases=2)
    worker = farm.worker(slots=2)
    farm.until_running(worker, 2)
    killed = farm.scalar("SELECT min(execution_id) FROM farm.attempts")
    for losses in (["lost"], ["lost", "lost"]):
        farm.until("it runs", partial(worker.holders, killed))
        worker.holders(killed)[0].kill()
        recorded = partial(_endings_are, farm, killed, losses)
        farm.until("the loss is recorded", recorded)
    farm.let_go()
    farm.until_finished(bench)
    assert farm.rows(
        "SELECT status, error_class, message FROM farm.outcomes WHERE execution_id = :e", e=killed
    ) == [("error", "lost", f"quarantined after two lost attempts; last: {_evidence(farm, killed)}")]
    assert farm.endings(bench) == ["lost", "lost", "done"]
    farm.assert_nothing_lost(bench, {"error": 1, "done": 1})


def _endings_are(farm: Fleet, execution: int, endings: list[str]) -> bool:
    sql = "SELECT ending FROM farm.attempts WHERE execution_id = :e AND ending <> 'running' ORDER BY attempt"
    return [ending for (ending,) in farm.rows(sql, e=execution)] == endings


def _evidence(farm: Fleet, execution: int) -> str:
    sql = "SELECT message FROM farm.attempts WHERE execution_id = :e AND attempt = 2"
    evidence = str(farm.scalar(sql, e=execution))
    assert "w1" in evidence
    assert "died during the execution" in evidence
    return evidence
