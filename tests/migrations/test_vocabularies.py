"""The statuses that the database allows are those that the code names, and the code names each of them once."""

import json
import re
from typing import get_args

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from db.repositories.artifacts import Encoding
from db.repositories.leases import Leases
from db.states import (
    ATTEMPT_ENDINGS,
    BENCH_KINDS,
    BENCH_STATES,
    CASE_STATES,
    CLOSED_BENCHES,
    DELIVERY_STATES,
    ERROR_CLASSES,
    LAND_MODES,
    LANDING_STATES,
    NOTICE_KINDS,
    NOTICE_TARGET_TYPES,
    OUTCOME_STATUSES,
    PROPENSITY_KINDS,
    TERMINAL,
    UNDECIDED_CASES,
    ExecutionState,
)
from planner.documents.statuses import RoundStatus, RunStatus
from tests.fixtures.rows import row, running_bench
from workers.result import CandidateResult, CostSource, ExecutionResult
from workers.toolchains.base import ReportStatus

VOCABULARIES = {
    "executions.state": tuple(ExecutionState),
    "benches.state": BENCH_STATES,
    "benches.kind": BENCH_KINDS,
    "cases.state": CASE_STATES,
    "attempts.ending": ATTEMPT_ENDINGS,
    "outcomes.status": OUTCOME_STATUSES,
    "outcomes.error_class": ERROR_CLASSES,
    "arms.propensity_kind": PROPENSITY_KINDS,
    "landings.mode": LAND_MODES,
    "landings.state": LANDING_STATES,
    "notices.kind": NOTICE_KINDS,
    "notice_targets.type": NOTICE_TARGET_TYPES,
    "notice_deliveries.state": DELIVERY_STATES,
    "artifacts.encoding": get_args(Encoding),
}


@pytest.mark.parametrize("place", VOCABULARIES)
def test_a_check_allows_what_the_code_names(engine: sa.Engine, place: str) -> None:
    table, _, column = place.partition(".")
    definition = sa.text("""
        SELECT pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid = CAST(:table AS regclass) AND conname = :name""")
    with engine.connect() as connection:
        values = {"table": f"farm.{table}", "name": f"ck_{table}_{column}"}
        check = connection.execute(definition, values).scalar_one()
    assert check.startswith(f"CHECK (({column} = ANY (ARRAY[")
    assert set(re.findall(r"'(\w+)'", check)) == set(VOCABULARIES[place])


def test_every_check_of_a_vocabulary_is_looked_at(engine: sa.Engine) -> None:
    statement = sa.text("""
        SELECT c.relname || '.' || substr(k.conname, length('ck_' || c.relname || '_') + 1)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.contype = 'c' AND c.relnamespace = 'farm'::regnamespace
          AND pg_get_constraintdef(k.oid) ~ '^CHECK \\(\\(\\w+ = ANY \\(ARRAY\\['""")
    others = {"caps.scope", "ledger.kind", "policy_estimates.quantity", "action_estimates.quantity"}
    with engine.connect() as connection:
        assert set(connection.scalars(statement)) == VOCABULARIES.keys() | others


def test_a_narrower_vocabulary_is_part_of_the_wider() -> None:
    statuses = set(OUTCOME_STATUSES)
    assert statuses - {"error"} == set(get_args(RunStatus))
    assert statuses < set(get_args(RoundStatus))
    assert set(get_args(RoundStatus)) - {"timeout"} == set(get_args(ReportStatus))
    assert set(UNDECIDED_CASES) < set(CASE_STATES)
    assert set(BENCH_STATES) > CLOSED_BENCHES
    assert set(ExecutionState) > TERMINAL


def test_a_result_may_name_every_source_of_a_cost_and_no_other(engine: sa.Engine) -> None:
    candidate = {"index": 0, "workcell_id": "x", "status": "success", "duration_ms": 1}
    check = sa.text("SELECT farm.check_result(CAST(:result AS jsonb))")
    with engine.connect() as connection:
        for source in get_args(CostSource):
            result = {"cost_source": source, "candidates": [{**candidate, "cost_source": source}]}
            connection.execute(check, {"result": json.dumps(result)})
        with pytest.raises(DBAPIError, match="the result is refused: cost_source"):
            connection.execute(check, {"result": json.dumps({"cost_source": "guessed"})})


def test_a_result_of_a_worker_that_meters_nothing_is_taken_as_before(engine: sa.Engine) -> None:
    round_ = {"toolchain": "repair", "status": "success", "duration_ms": 1, "usd_reported": 0}
    candidate = {
        "index": 0,
        "workcell_id": "x",
        "status": "success",
        "cost_source": "reported",
        "duration_ms": 9,
    }
    result = {"status": "success", "duration_ms": 9, "candidates": [{**candidate, "rounds": [round_]}]}
    bench, lease = running_bench(engine)
    assert Leases(engine).complete(*lease.key, result, None) == "recorded"
    waits = (
        "SELECT provider_wait_ms FROM farm.outcomes UNION ALL SELECT provider_wait_ms FROM farm.candidates"
    )
    with engine.connect() as connection:
        assert list(connection.scalars(sa.text(waits))) == [0, 0]
    assert row(engine, "SELECT work_ms FROM report.arm_estimates WHERE bench_id = :b", b=bench) == {
        "work_ms": 9
    }


@pytest.mark.parametrize("model", [CandidateResult, ExecutionResult])
def test_a_worker_reports_what_the_database_takes(model: type[CandidateResult]) -> None:
    assert get_args(model.model_fields["status"].annotation) == OUTCOME_STATUSES
    error_class, none = get_args(model.model_fields["error_class"].annotation)
    assert (get_args(error_class), none) == (ERROR_CLASSES, type(None))
