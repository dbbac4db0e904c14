"""Who has a worker's login can lie about his own work and no more: not about money, time or places of others."""

import math
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from db.repositories.leases import Leases
from tests.fixtures import worker_scenarios
from tests.fixtures.invariants import assert_sound
from tests.fixtures.lease_scenarios import Scenario
from tests.fixtures.rows import (
    Lease,
    attempt,
    bench_cap,
    claim,
    execution,
    leases_of,
    result,
    row,
    running_bench,
)
from workers.result import CandidateResult, ExecutionResult
from workers.result_size import MAX_RESULT_BYTES, within_size_limit

AMOUNTS = (-1, -(2**62), 10**15 + 1, 10**400, 0.5, "40", True, [40], {"usd": 40})


def candidate(**changes: Any) -> dict[str, Any]:
    """A candidate as a worker reports it, changed."""
    found = CandidateResult(
        index=0, workcell_id="x1-a1-c0-0badcafe", seed=1, status="success", duration_ms=5, billed_ms=5
    ).model_dump(mode="json")
    return {**found, **changes}


def one_round(**changes: Any) -> dict[str, Any]:
    """A candidate with one round, changed."""
    return candidate(
        rounds=[{"toolchain": "repair", "status": "success", "message": "", "duration_ms": 1, **changes}]
    )


FORGERIES: dict[str, dict[str, Any]] = {
    **{f"micro_usd {amount!r:.20}": {"micro_usd": amount} for amount in AMOUNTS},
    **{f"duration_ms {amount!r:.20}": {"duration_ms": amount} for amount in AMOUNTS},
    **{f"budget_ms {amount!r:.20}": {"budget_ms": amount} for amount in AMOUNTS},
    "chosen": {"chosen": -1},
    "status": {"status": "winner"},
    "error class": {"status": "error", "error_class": "bad luck"},
    "cost source": {"cost_source": "god"},
    "score": {"gates": [{"name": "g", "passed": True, "score": 1e308}]},
    "gates are no list": {"gates": {"name": "g"}},
    "fail codes": {"fail_codes": [{"a": 1}]},
    "long fail code": {"fail_codes": ["x" * 1001]},
    "candidates are no list": {"candidates": "x"},
    "candidates are no objects": {"candidates": [1]},
    "many candidates": {"candidates": [candidate(index=n) for n in range(1001)]},
    **{f"index {n!r}": {"candidates": [candidate(index=n)]} for n in (-1, None, 1.5, 10**9, "0")},
    **{
        f"workcell {name!r:.20}": {"candidates": [candidate(workcell_id=name)]}
        for name in ("../../x", "/x", ".", "..", ".x", "", None, "a/b", "a\nb", "x" * 129, "x\u202e")
    },
    "candidate's cost": {"candidates": [candidate(micro_usd=-5)]},
    "candidate's time": {"candidates": [candidate(duration_ms=None)]},
    "candidate's billed time": {"candidates": [candidate(billed_ms=-5)]},
    "candidate's start": {"candidates": [candidate(started_at="yesterday")]},
    "tokens": {"candidates": [one_round(tokens_in=-1)]},
    "round's cost": {"candidates": [one_round(usd_reported=-1)]},
    "round's lower bound": {"candidates": [one_round(usd_at_least=-1)]},
    "candidate's lower bound": {"candidates": [candidate(micro_usd_at_least=0.5)]},
    "lower bound": {"micro_usd": None, "micro_usd_at_least": 10**15 + 1},
    **{f"wait {amount!r:.20}": {"provider_wait_ms": amount} for amount in AMOUNTS},
    "candidate's wait": {"candidates": [candidate(provider_wait_ms=-1)]},
    "round's wait": {"candidates": [one_round(provider_wait_ms=-1)]},
    "round's metered cost": {"candidates": [one_round(usd_metered=0.5)]},
    "round's calls": {"candidates": [one_round(model_calls=-1)]},
    "32 MiB": {"message": "x" * (32 * 2**20)},
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES)
def test_a_result_that_cannot_be_is_refused_and_changes_nothing(
    engine: sa.Engine, forged: dict[str, Any]
) -> None:
    bench, lease = running_bench(engine)
    before = (execution(engine, lease.execution), bench_cap(engine, bench))
    for call in (
        lambda: Leases(engine).complete(*lease.key, result(**{"micro_usd": 1, **forged}), None),
        lambda: Leases(engine).release(*lease.key, result(**{"micro_usd": 1, **forged})),
    ):
        with pytest.raises(DBAPIError) as refused:
            call()
        assert isinstance(refused.value.orig, psycopg.Error)
        assert refused.value.orig.sqlstate == "22023"
        assert "the result is refused: " in str(refused.value.orig)
    assert (execution(engine, lease.execution), bench_cap(engine, bench)) == before
    assert Leases(engine).complete(*lease.key, result(candidates=[candidate()]), None) == "recorded"
    assert_sound(engine)


def test_a_wait_is_a_part_of_the_duration_whatever_is_reported(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    forged = result(duration_ms=500, provider_wait_ms=10**9, candidates=[candidate(provider_wait_ms=9)])
    assert Leases(engine).complete(*lease.key, forged, None) == "recorded"
    assert row(engine, "SELECT provider_wait_ms FROM farm.outcomes")["provider_wait_ms"] == 500
    assert row(engine, "SELECT provider_wait_ms FROM farm.candidates")["provider_wait_ms"] == 5


@pytest.mark.parametrize("scenario", worker_scenarios.SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_workers(engine: sa.Engine, scenario: Scenario) -> None:
    scenario(engine)


@pytest.mark.parametrize("asked", [1e12, math.inf, math.nan, 0.0, -1e12, 60.0])
def test_a_lease_holds_from_five_seconds_to_an_hour(engine: sa.Engine, asked: float) -> None:
    def holds(lease: Lease, since: datetime) -> timedelta:
        return execution(engine, lease.execution)["lease_until"] - since

    _, lease = running_bench(engine, lease_seconds=asked)
    now = row(engine, "SELECT clock_timestamp() AS now")["now"]
    assert timedelta(seconds=0) < holds(lease, now) <= timedelta(hours=1)
    Leases(engine).heartbeat(*lease.key, asked)
    assert timedelta(seconds=4) < holds(lease, now) <= timedelta(hours=1, seconds=30)


def test_a_worker_says_nothing_of_the_work_of_others(engine: sa.Engine) -> None:
    bench, lease = running_bench(engine, cases=2)
    own = claim(engine, machine="m-2")
    forged = Leases(engine)
    before = (execution(engine, lease.execution), bench_cap(engine, bench))
    assert forged.complete(lease.execution, lease.attempt, own.token, result(), None) == "unknown"
    assert forged.release(lease.execution, lease.attempt, own.token, result()) == "fenced"
    assert forged.heartbeat(lease.execution, lease.attempt, own.token, 60) == "fenced"
    assert forged.report_lost(lease.execution, lease.attempt, own.token, "x" * 10**6) is False
    assert (execution(engine, lease.execution), bench_cap(engine, bench)) == before
    forged.report_lost(*own.key, "x" * 10**6)
    assert len(attempt(engine, own)["message"]) < 1100
    # A lease's token of another machine claims nothing for this one.
    assert leases_of(engine, "m-2").claim("q-none", "m-2", own.token, 60) is None


def test_a_result_too_long_for_the_farm_becomes_an_error_that_keeps_its_money() -> None:
    longest = ExecutionResult(status="success", message="x" * MAX_RESULT_BYTES, micro_usd=7, budget_ms=9)
    document = within_size_limit(longest)
    assert (document["status"], document["error_class"]) == ("error", "infra")
    assert (document["micro_usd"], document["budget_ms"]) == (7, 9)
    assert "8 MiB, more than the 8 MiB" in document["message"]
    short = ExecutionResult(status="success", message="x")
    assert within_size_limit(short) == short.model_dump(mode="json")


def test_the_database_keeps_no_candidate_whose_name_leaves_its_directory(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    statement = sa.text("""
        INSERT INTO farm.candidates (execution_id, attempt, candidate, workcell_id, status, duration_ms, cost_source,
                                     document)
        VALUES (:e, 1, 0, '../../x', 'success', 1, 'reported', '{}')""")
    with pytest.raises(DBAPIError, match="ck_candidates_workcell_id"), engine.begin() as connection:
        connection.execute(statement, {"e": lease.execution})
