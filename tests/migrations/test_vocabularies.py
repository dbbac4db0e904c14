"""The statuses that the database allows are those that the code names, and the code names each of them once."""

import re
from typing import get_args

import pytest
import sqlalchemy as sa

from db.states import (
    ATTEMPT_ENDINGS,
    BENCH_KINDS,
    BENCH_STATES,
    CASE_STATES,
    CLOSED_BENCHES,
    ERROR_CLASSES,
    OUTCOME_STATUSES,
    PROPENSITY_KINDS,
    TERMINAL,
    UNDECIDED_CASES,
    ExecutionState,
)
from planner.documents.statuses import RoundStatus, RunStatus
from workers.result import CandidateResult, ExecutionResult
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
    others = {"caps.scope", "ledger.kind", "policy_estimates.quantity"}
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


@pytest.mark.parametrize("model", [CandidateResult, ExecutionResult])
def test_a_worker_reports_what_the_database_takes(model: type[CandidateResult]) -> None:
    assert get_args(model.model_fields["status"].annotation) == OUTCOME_STATUSES
    error_class, none = get_args(model.model_fields["error_class"].annotation)
    assert (get_args(error_class), none) == (ERROR_CLASSES, type(None))
