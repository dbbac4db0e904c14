"""A call whose COMMIT took effect and whose reply was lost is said again, and counts once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.proxy import Proxy
from tests.fixtures.fleet import Fleet, all_dead

pytestmark = pytest.mark.slow


@pytest.fixture
def proxy(farm: Fleet, short_directory: Path) -> Iterator[Proxy]:
    """A proxy before the farm's database, for workers."""
    one = Proxy(short_directory, farm.worker_url)
    yield one
    one.close()


def test_a_claim_and_a_completion_whose_replies_were_lost_count_once(farm: Fleet, proxy: Proxy) -> None:
    proxy.cut_after = b"farm.claim_execution"
    bench = farm.bench()
    worker = farm.worker(database_url=proxy.url)
    farm.until_running(worker)
    assert proxy.cuts == 1
    assert farm.endings(bench) == ["running"]

    proxy.cut_after = b"farm.complete_execution"
    farm.let_go()
    farm.until_finished(bench)
    farm.until("it is said again", lambda: b"already" in proxy.heard)
    assert proxy.cuts == 2
    assert farm.endings(bench) == ["done"]
    farm.assert_nothing_lost(bench, {"done": 1})


def test_a_handing_back_whose_reply_was_lost_counts_once(farm: Fleet, proxy: Proxy) -> None:
    bench = farm.bench()
    worker = farm.worker(database_url=proxy.url)
    farm.until_running(worker)
    proxy.cut_after = b"farm.release_execution"
    worker.end()
    assert proxy.cuts == 1
    assert farm.endings(bench) == ["released"]
    assert farm.states(bench) == {"ready": 1}
    farm.assert_no_process_is_left()


def test_a_result_that_comes_after_its_lease_was_lost_is_kept_and_never_scored(
    farm: Fleet, proxy: Proxy
) -> None:
    bench = farm.bench()
    cut_off = farm.worker("w1", lease=27, database_url=proxy.url)
    farm.until_running(cut_off)
    toolchains = cut_off.toolchains()
    proxy.go_dark()
    farm.let_go()
    assert all_dead(toolchains), "it finishes its work"
    farm.let_leases_end()
    farm.until("the lease is lost", lambda: "lost" in farm.endings(bench))
    assert farm.states(bench) == {"ready": 1}
    farm.worker("w2")
    farm.until_finished(bench)
    assert farm.scalar("SELECT attempt FROM farm.outcomes") == 2

    proxy.come_back()
    late = "SELECT late_result ->> 'status' FROM farm.attempts WHERE attempt = 1"
    farm.until("the late result is kept", lambda: farm.scalar(late) == "success")
    assert farm.endings(bench) == ["lost", "done"]
    assert farm.scalar("SELECT attempt FROM farm.outcomes") == 2
    refunded = "SELECT micro_usd FROM farm.ledger WHERE attempt = 1 AND kind = 'refund'"
    spent = "SELECT micro_usd FROM farm.attempts WHERE attempt = 1"
    assert farm.scalar(refunded) == 100_000 - farm.scalar(spent) > 0
    farm.assert_nothing_lost(bench, {"done": 1})
