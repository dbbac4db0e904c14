"""PostgreSQL dies in the middle of a run: all parts wait for it and go on."""

import signal
import time

import psutil
import pytest

from bench.embedded.farm import EmbeddedFarm
from tests.fixtures.fleet import Fleet

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL], ids=["immediate shutdown", "kill"])
def test_a_database_that_dies_and_comes_back_loses_and_doubles_nothing(
    own_farm: Fleet, own_servers: EmbeddedFarm, how: signal.Signals
) -> None:
    worker = own_farm.worker(slots=2)
    coordinator = own_farm.command("coordinator")
    bench = own_farm.bench(cases=4)
    own_farm.until_running(worker, 2)
    (server,) = [part for part in own_servers.status() if part.name == "postgres"]
    assert server.pid
    postmaster = psutil.Process(server.pid)
    postmaster.send_signal(how)
    postmaster.wait(10)
    # The first two executions end while nobody can write that down.
    own_farm.let_go()
    running = worker.toolchains()
    assert not psutil.wait_procs(running, timeout=10)[1]
    time.sleep(1)
    own_servers.up()
    own_farm.engine.dispose()
    own_farm.until_finished(bench, ticking=False)
    assert own_farm.endings(bench) == ["done"] * 4
    own_farm.assert_nothing_lost(bench, {"done": 4})
    assert coordinator.process.poll() is None
    assert coordinator.end() == 0
    assert worker.end() == 0
    own_farm.assert_no_process_is_left()
