"""The heartbeat carries what an execution has spent so far, and the farm shows it while it runs."""

import json

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from db.repositories.leases import Leases
from db.repositories.ticks import Ticks
from tests.fixtures.invariants import assert_sound
from tests.fixtures.lease_scenarios import beat, complete
from tests.fixtures.rows import Lease, bench_cap, claim, execution, expire, result, row, running_bench

Shown = pytest.CaptureFixture[str]


def spend(engine: sa.Engine, lease: Lease, micro_usd: int | None) -> int | None:
    """What is stored after a heartbeat with this spend."""
    assert Leases(engine).heartbeat(*lease.key, 60, micro_usd) == "go_on"
    stored: int | None = execution(engine, lease.execution)["spent_micro_usd"]
    return stored


def test_the_last_amount_is_kept_and_reserves_nothing(engine: sa.Engine) -> None:
    bench, lease = running_bench(engine)
    before = bench_cap(engine, bench)
    assert spend(engine, lease, None) is None
    assert spend(engine, lease, 30) == 30
    assert spend(engine, lease, 55) == 55
    assert spend(engine, lease, 50) == 50, "a hold that was settled lower"
    assert beat(engine, lease) == "go_on"
    assert execution(engine, lease.execution)["spent_micro_usd"] == 50
    for forged in (-1, 10**15 + 1):
        assert spend(engine, lease, forged) == 50
    assert bench_cap(engine, bench) == before
    assert_sound(engine)


def test_a_worker_of_an_older_version_sends_no_amount(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    with engine.begin() as connection:
        values = dict(zip(("e", "a", "t"), lease.key, strict=True))
        order = connection.scalar(sa.text("SELECT farm.heartbeat(:e, :a, :t, 60)"), values)
    assert order == "go_on"
    assert execution(engine, lease.execution)["spent_micro_usd"] is None


def test_it_is_gone_when_the_attempt_is_over_and_a_loss_forfeits_the_reservation(engine: sa.Engine) -> None:
    bench, done = running_bench(engine, cases=3)
    lost, released = claim(engine), claim(engine)
    for lease in (done, lost, released):
        assert spend(engine, lease, 30) == 30
    complete(engine, done, micro_usd=40, cost_source="metered")
    expire(engine, lost.execution)
    assert Ticks(engine).reap() == 1
    Leases(engine).release(*released.key, result(micro_usd=30))
    for lease in (done, lost, released):
        assert execution(engine, lease.execution)["spent_micro_usd"] is None
    assert bench_cap(engine, bench)["usd_spent"] == 40 + 100 + 30
    again = claim(engine)
    assert execution(engine, again.execution)["spent_micro_usd"] is None
    assert_sound(engine)


def test_status_and_views_show_it(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    bench, lease = running_bench(engine, cases=2, worst_micro_usd=5_000_000)
    claim(engine)
    spend(engine, lease, 1_230_000)
    assert main(["status", bench]) == 0
    shown = capsys.readouterr().out
    assert "$1.23" in shown
    assert "$5.00" in shown
    assert main(["status", bench, "-o", "json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["running"]
    assert (first["execution_id"], first["spent_micro_usd"]) == (lease.execution, 1_230_000)
    assert second["spent_micro_usd"] is None
    live = row(engine, "SELECT live_micro_usd, live_usd::float8 FROM report.benches")
    assert live == {"live_micro_usd": 1_230_000, "live_usd": 1.23}
    attempts = row(
        engine, "SELECT array_agg(live_micro_usd ORDER BY execution_id) AS live FROM report.attempts"
    )
    assert attempts["live"] == [1_230_000, None]
