"""BenchRaces: the outcomes that arms are dropped by, and what was dropped."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from db.engine import transaction
from db.repositories.bench_rows import DroppedArm, RaceDocument
from db.rows import rows_of
from db.states import UNDECIDED_CASES

# Cases in the order of admission before the first that is undecided: none is seen early because it is quick.
_SEEN = """
    FROM farm.cases c
    WHERE c.bench_id = :bench AND c.state = 'finished' AND c.admission_rank < ALL (
        SELECT admission_rank FROM farm.cases WHERE bench_id = :bench AND state = ANY (:undecided))"""
_NEWS = sa.text(f"""
    SELECT (race ->> 'looked')::int <> (SELECT count(*) {_SEEN})
    FROM farm.benches WHERE bench_id = :bench""")  # noqa: S608  # no data in it
_OUTCOMES = sa.text(f"""
    SELECT s.case_id, a.canonical_rank AS cell, a.stratum = 'baseline' AS is_control, o.status = 'success' AS passed
    FROM (SELECT c.case_id, c.admission_rank {_SEEN}) s
    LEFT JOIN (farm.arms a JOIN farm.executions e ON e.arm_id = a.arm_id AND e.replicate = 0
               JOIN farm.outcomes o ON o.execution_id = e.execution_id AND o.status <> 'error') ON a.case_id = s.case_id
    ORDER BY s.admission_rank""")  # noqa: S608  # no data in it


class RaceOutcome(NamedTuple):
    """The result of the racing run of an arm; all but the case None where the case has no result at all."""

    case_id: int
    cell: int | None
    is_control: bool | None
    passed: bool | None


class BenchRaces:
    """Benches whose arms race: those that have lost are dropped while the bench runs (early stopping)."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def has_news(self, bench_id: str) -> bool:
        """Whether cases were decided since the last look."""
        with self._engine.connect() as connection:
            return bool(connection.scalar(_NEWS, _values(bench_id)))

    def load(self, bench_id: str) -> tuple[RaceDocument, list[RaceOutcome]]:
        """The race, and the outcomes of its decided cases in the order of admission."""
        with self._engine.connect() as connection:
            race: RaceDocument = connection.execute(
                sa.text("SELECT race FROM farm.benches WHERE bench_id = :bench"), {"bench": bench_id}
            ).scalar_one()
            return race, rows_of(RaceOutcome, connection.execute(_OUTCOMES, _values(bench_id)))

    def store(self, bench_id: str, looked: int, dropped: Mapping[str, DroppedArm]) -> None:
        """Store what was dropped after `looked` cases; an arm that was dropped before keeps its first figures."""
        statement = sa.text("""
            UPDATE farm.benches
            SET race = race || jsonb_build_object('looked', CAST(:looked AS int),
                                                  'dropped', CAST(:dropped AS jsonb) || (race -> 'dropped'))
            WHERE bench_id = :bench""")
        with transaction(self._engine) as connection:
            connection.execute(
                statement, {"bench": bench_id, "looked": looked, "dropped": json.dumps(dropped)}
            )


def _values(bench_id: str) -> dict[str, Any]:
    return {"bench": bench_id, "undecided": list(UNDECIDED_CASES)}
