"""Writes finished benches with known outcomes into the farm of the working directory, for pages about numbers.

The names of the benches are the arguments: `known` gives b-known-3.
"""

import math
import random
import sys
from typing import Any, Final

import sqlalchemy as sa

from bench.cli.session import open_farm
from bench.intake.issue import Issue
from planner.actions import NA, all_cells
from tests.fixtures.known_benches import write_known_bench
from tests.fixtures.stored_calls import recorded_transcript, store_file
from workers.conversation.store import TRANSCRIPT

_MINUTES: Final = "minutes"
_METERED: Final = "metered"
_SOLVABLE: Final = 0.8
_MEAN_MINUTES: Final = 35.0
_NO_BUDGET: Final = 30
"""Minutes that are planned for an action that names none: the limit of the toolchain."""
_ATTEMPTS: Final = sa.text("""
    INSERT INTO farm.attempts (execution_id, attempt, lease_token, machine_id, ended_at, ending)
    SELECT execution_id, 1, gen_random_uuid(), 'm-1', now(), 'done'
    FROM farm.executions WHERE bench_id = :bench AND arm_id IS NOT NULL""")
_PLANNED: Final = sa.text("""
    SELECT e.execution_id, o.status, (a.planned ->> 'minutes')::float AS minutes
    FROM farm.executions e JOIN farm.outcomes o USING (execution_id) JOIN farm.arms a ON a.arm_id = e.arm_id
    WHERE e.bench_id = :bench AND e.arm_id IS NOT NULL ORDER BY e.execution_id""")
_LEDGER: Final = sa.text("""
    INSERT INTO farm.ledger (execution_id, attempt, kind, micro_usd, ms, executions, day)
    SELECT execution_id, 1, kind, o.charged_micro_usd, 0, 0, current_date
    FROM farm.outcomes o JOIN farm.executions e USING (execution_id), unnest(ARRAY['reserve', 'settle']) kind
    WHERE e.bench_id = :bench AND e.arm_id IS NOT NULL""")
_FIRST: Final = sa.text("""
    SELECT execution_id FROM farm.executions WHERE bench_id = :bench AND arm_id IS NOT NULL AND replicate = 0
    ORDER BY execution_id LIMIT 60""")
_PROGRAMS: Final = ("mini-fix", "claude-sub", "claude-429", "codex-sub", "gemini-fix")
"""Of recorded transcripts."""
_CANDIDATE: Final = sa.text("""
    INSERT INTO farm.candidates (execution_id, attempt, candidate, workcell_id, status, duration_ms, cost_source,
                                 document)
    VALUES (:execution_id, 1, 0, 'w', :status, :billed_ms, 'unknown',
            jsonb_build_object('billed_ms', CAST(:billed_ms AS bigint)))""")


def minutes_chance(issue: Issue, cell: int) -> float:
    """The more minutes, the more passes: exponential times of the runs that would ever pass, whatever else differs."""
    del issue
    minutes = all_cells()[cell].max_minutes_bin
    return _within(_NO_BUDGET if minutes == NA else float(minutes))


def _within(minutes: float) -> float:
    return _SOLVABLE * (1 - math.exp(-minutes / _MEAN_MINUTES))


def cell_cost(cell: int) -> int:
    """More candidates and more minutes cost more, in micro-dollars."""
    action = all_cells()[cell]
    candidates, minutes = (
        default if value == NA else int(value)
        for value, default in ((action.max_candidates_bin, 2), (action.max_minutes_bin, _NO_BUDGET))
    )
    return candidates * (20_000 + 1_000 * minutes)


_BENCHES: Final[dict[str, dict[str, Any]]] = {
    "known": {"issues": 40, "seed": 3, "K": 8, "replicates": 5},
    "single": {"issues": 12, "seed": 1},
    _MINUTES: {
        "issues": 40,
        "seed": 3,
        "K": 8,
        "replicates": 5,
        "chance": minutes_chance,
    },
    "parts": {"issues": 200, "seed": 9, "K": 6, "replicates": 2},
    _METERED: {"issues": 40, "seed": 3, "K": 8, "replicates": 2, "cost": cell_cost},
}


def write_times(engine: sa.Engine, bench_id: str, seed: int) -> None:
    """A candidate for each execution, with the minutes in which it passed, or all that were planned."""
    lot = random.Random(seed)
    with engine.begin() as connection:
        connection.execute(_ATTEMPTS, {"bench": bench_id})
        candidates = []
        for row in connection.execute(_PLANNED, {"bench": bench_id}).mappings().all():
            minutes = row["minutes"]
            if row["status"] == "success":
                # The inverse of `_within`, below the budget.
                minutes = -_MEAN_MINUTES * math.log(1 - lot.random() * _within(minutes) / _SOLVABLE)
            billed_ms = round(60_000 * minutes)
            candidates.append(
                {"execution_id": row["execution_id"], "status": row["status"], "billed_ms": billed_ms}
            )
        connection.execute(_CANDIDATE, candidates)


def write_calls(engine: sa.Engine, bench_id: str) -> None:
    """What the executions spent, and transcripts of some of them."""
    with engine.begin() as connection:
        connection.execute(_LEDGER, {"bench": bench_id})
        executions = connection.scalars(_FIRST, {"bench": bench_id}).all()
    for number, execution in enumerate(executions):
        store_file(engine, execution, TRANSCRIPT, recorded_transcript(_PROGRAMS[number % len(_PROGRAMS)]))


def main(names: list[str]) -> None:
    """Write the benches with these names."""
    with open_farm(create=True) as farm:
        for name in names:
            bench_id, _ = write_known_bench(farm.engine, name=name, **_BENCHES[name])
            if name == _MINUTES:
                write_times(farm.engine, bench_id, _BENCHES[name]["seed"])
            if name == _METERED:
                write_calls(farm.engine, bench_id)


if __name__ == "__main__":
    main(sys.argv[1:])
