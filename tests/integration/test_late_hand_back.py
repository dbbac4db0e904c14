"""A machine that hands back work which it has lost meanwhile still tells what it spent."""

import sqlalchemy as sa

from db.repositories.leases import Leases
from db.repositories.ticks import Ticks
from tests.fixtures.invariants import assert_sound
from tests.fixtures.rows import attempt, bench_cap, expire, result, running_bench


def test_a_hand_back_after_the_lease_was_lost_is_kept_as_late_and_refunds_what_was_forfeited(
    engine: sa.Engine,
) -> None:
    bench, lease = running_bench(engine, worst_micro_usd=100)
    expire(engine, lease.execution)
    assert Ticks(engine).reap() == 1
    assert bench_cap(engine, bench)["usd_spent"] == 100, "forfeited"
    for _ in range(2):
        assert Leases(engine).release(*lease.key, result("error", micro_usd=40)) == "fenced"
        assert bench_cap(engine, bench)["usd_spent"] == 40
    assert attempt(engine, lease)["late_result"]["micro_usd"] == 40
    assert_sound(engine)


def test_a_hand_back_said_twice_keeps_nothing_as_late(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    assert Leases(engine).release(*lease.key, result("error")) == "released"
    assert Leases(engine).release(*lease.key, result("error")) == "fenced"
    assert attempt(engine, lease)["late_result"] is None
    assert_sound(engine)
