"""PostgreSQL dies in the middle of a run: all parts wait for it and go on."""

import signal

import psutil
import pytest

from bench.embedded.farm import EmbeddedFarm
from tests.fixtures.fleet import Fleet, all_dead

pytestmark = pytest.mark.slow


def test_a_database_that_dies_and_comes_back_twice_loses_and_doubles_nothing(
    own_farm: Fleet, own_servers: EmbeddedFarm
) -> None:
    bench = own_farm.bench(cases=4)
    worker = own_farm.worker(slots=2)
    coordinator = own_farm.command("coordinator")
    own_farm.until_running(worker, 2)
    die(own_servers, signal.SIGKILL)
    # The first two executions end while nobody can write that down.
    own_farm.let_go()
    assert all_dead(worker.toolchains())
    own_farm.go.unlink()
    own_servers.up()
    own_farm.engine.dispose()
    own_farm.until("they are written down", lambda: own_farm.states(bench).get("done") == 2, ticking=False)

    own_farm.until_running(worker, 2)
    die(own_servers, signal.SIGQUIT)
    own_servers.up()
    own_farm.engine.dispose()
    own_farm.let_go()
    own_farm.until_finished(bench, ticking=False)
    assert own_farm.endings(bench) == ["done"] * 4
    own_farm.assert_nothing_lost(bench, {"done": 4})
    # It has its turn again: a second one is refused.
    second = own_farm.command("coordinator")
    assert second.process.wait(60) == 2
    assert "another coordinator serves this farm" in second.log.read_text()
    assert coordinator.process.poll() is None
    assert coordinator.end() == 0
    assert worker.end() == 0
    own_farm.assert_no_process_is_left()


def die(servers: EmbeddedFarm, how: signal.Signals) -> None:
    """End the database's server: SIGQUIT is its immediate shutdown."""
    (server,) = [part for part in servers.status() if part.name == "postgres"]
    assert server.pid
    postmaster = psutil.Process(server.pid)
    postmaster.send_signal(how)
    postmaster.wait(60)
