"""The views of spend, attempts, errors and benches, after things that really happened."""

from typing import Any

import sqlalchemy as sa

from db.repositories.leases import Leases
from db.repositories.new_bench import BenchCaps
from db.repositories.ticks import Ticks
from tests.fixtures.lease_scenarios import complete
from tests.fixtures.rows import claim, expire, make_bench, put_off, result, row, running_bench


def rows(engine: sa.Engine, sql: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(found) for found in connection.execute(sa.text(sql)).mappings()]


def test_spend_is_shown_against_every_cap_in_dollars_and_micro_dollars(engine: sa.Engine) -> None:
    limits = BenchCaps(micro_usd=5_000_000, ms=600_000, executions=9, case_micro_usd=4_000_000)
    bench, lease = running_bench(engine, cases=2, limits=limits, worst_micro_usd=1_500_000, worst_ms=60_000)
    complete(engine, lease, micro_usd=1_750_000, ms=30_000)
    found = {
        cap["scope"]: cap
        for cap in rows(engine, "SELECT * FROM report.spend_against_caps ORDER BY case_id DESC")
    }
    assert set(found) == {"bench", "case", "day"}
    cap = found["bench"]
    assert (cap["limit_micro_usd"], float(cap["limit_usd"])) == (5_000_000, 5.0)
    assert (cap["spent_micro_usd"], float(cap["spent_usd"])) == (1_500_000, 1.5)
    assert (cap["reserved_micro_usd"], float(cap["reserved_usd"])) == (1_500_000, 1.5)
    assert (cap["left_micro_usd"], float(cap["left_usd"])) == (2_000_000, 2.0)
    assert (cap["overrun_micro_usd"], float(cap["overrun_usd"])) == (250_000, 0.25)
    assert (float(cap["limit_minutes"]), float(cap["spent_minutes"]), float(cap["reserved_minutes"])) == (
        10,
        0.5,
        1,
    )
    assert (cap["limit_executions"], cap["spent_executions"], cap["reserved_executions"]) == (9, 1, 1)
    assert found["case"]["bench_id"] == bench
    assert found["case"]["issue_id"].startswith("issue-")
    assert (found["day"]["limit_micro_usd"], found["day"]["left_micro_usd"]) == (None, None)


def test_every_attempt_is_shown_with_its_machine_ending_and_evidence(engine: sa.Engine) -> None:
    _, first = running_bench(engine, cases=2)
    Leases(engine).report_lost(*first.key, "killed by signal 9")
    complete(engine, first, micro_usd=20)
    second = claim(engine, machine="m-2")
    Leases(engine).release(*second.key, result(micro_usd=3))
    found = rows(engine, "SELECT * FROM report.attempts ORDER BY execution_id, attempt")
    assert [(one["machine_id"], one["ending"], one["has_late_result"]) for one in found] == [
        ("m-1", "lost", True),
        ("m-2", "released", False),
    ]
    assert "killed by signal 9" in found[0]["evidence"]
    assert [float(one["usd"]) for one in found] == [0.00002, 0.000003]
    assert all(one["seconds"] >= 0 for one in found)


def test_errors_are_counted_by_class_and_machine_and_never_scored(engine: sa.Engine) -> None:
    _, lease = running_bench(engine, cases=3)
    complete(engine, lease, status="error", error_class="provider")
    put_off(engine, 60)
    complete(engine, claim(engine), status="error", error_class="killed_by_cap")
    lost = claim(engine)
    expire(engine, lost.execution)
    Ticks(engine).reap()
    Leases(engine).report_lost(*claim(engine, machine="m-2").key, "died")
    found = {
        (one["error_class"], one["machine_id"]): (one["attempts"], one["executions_ended"], one["run_again"])
        for one in rows(engine, "SELECT * FROM report.infrastructure_errors")
    }
    assert found == {
        ("provider", "m-1"): (1, 0, 1),
        ("killed_by_cap", "m-1"): (1, 1, 0),
        ("lost", "m-1"): (1, 0, 1),
        ("lost", "m-2"): (1, 1, 0),
    }
    rates = row(engine, "SELECT * FROM report.pass_rate_by_risk")
    assert (rates["executions"], rates["scored"], rates["errors"], rates["pass_rate"]) == (2, 0, 2, None)


def test_a_bench_is_shown_with_its_counts(engine: sa.Engine) -> None:
    bench = make_bench(engine, cases=3, arms=2, limits=BenchCaps(micro_usd=400))
    for case in rows(engine, "SELECT case_id FROM farm.cases ORDER BY admission_rank"):
        Ticks(engine).admit(case["case_id"])
    complete(engine, claim(engine), micro_usd=10)
    claim(engine)
    found = row(engine, "SELECT * FROM report.benches")
    assert (found["bench_id"], found["state"], found["cases"]) == (bench, "open", 3)
    assert (found["executions"], found["executions_done"], found["executions_running"]) == (6, 1, 1)
    assert found["executions_waiting"] == 4
    assert float(found["spent_usd"]) == 0.00001
