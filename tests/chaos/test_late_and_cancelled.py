"""Work whose lease is gone is never scored, and cancelled work stops at once."""

import signal

import pytest

from tests.fixtures.fleet import Fleet, all_dead

pytestmark = pytest.mark.slow


def test_a_worker_frozen_past_its_lease_stops_its_work_when_it_wakes(farm: Fleet) -> None:
    bench = farm.bench()
    frozen = farm.worker("w1", lease=27)
    farm.until_running(frozen)
    toolchains = frozen.toolchains()
    everything = [*frozen.family(), *toolchains]
    frozen.send_all(signal.SIGSTOP, everything)
    farm.let_leases_end()
    other = farm.worker("w2")
    farm.until_running(other)
    assert farm.endings(bench) == ["lost", "running"]

    frozen.send_all(signal.SIGCONT, everything)
    assert all_dead(toolchains), "it kills its own work"
    late = "SELECT late_result FROM farm.attempts WHERE attempt = 1"
    farm.until("the late result is kept", lambda: farm.scalar(late))
    assert farm.states(bench) == {"running": 1}
    farm.let_go()
    farm.until_finished(bench)
    assert farm.endings(bench) == ["lost", "done"]
    assert farm.scalar("SELECT attempt FROM farm.outcomes") == 2
    farm.assert_nothing_lost(bench, {"done": 1})


def test_cancelled_work_stops_within_a_heartbeat_and_what_it_spent_is_recorded(farm: Fleet) -> None:
    bench = farm.bench(cases=2)
    worker = farm.worker(lease=27)
    farm.until_running(worker)
    toolchains = worker.toolchains()
    assert farm.command("cancel", bench).process.wait(60) == 0
    assert all_dead(toolchains)
    farm.until("the stop is recorded", lambda: farm.endings(bench) == ["cancelled"])
    farm.assert_nothing_lost(bench, {"cancelled": 2})
    assert farm.scalar("SELECT state FROM farm.benches") == "cancelled"
    spent = farm.scalar("SELECT micro_usd FROM farm.attempts")
    assert 0 < spent < 100_000
    assert farm.scalar("SELECT micro_usd FROM farm.ledger WHERE kind = 'settle'") == spent
