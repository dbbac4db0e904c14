"""Writes a whole bench in one transaction, its rows by COPY."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

from db import tables
from db.engine import transaction
from db.repositories.new_bench import BenchCaps, NewArm, NewBench, NewCase, NewExecution

_case, _arm, _execution = tables.cases.c, tables.arms.c, tables.executions.c
# Each in the order of the values that the functions below yield.
_CASE_COLUMNS: Final = (
    *(_case.case_id, _case.bench_id, _case.issue_id, _case.issue, _case.job_type),
    *(_case.dk_risk, _case.dk_size, _case.dk_priority),
    *(_case.planner_input, _case.input_hash, _case.workcell, _case.baseline_key, _case.baseline),
    *(
        _case.admission_rank,
        _case.state,
        _case.open_executions,
        _case.note,
        _case.run_no,
        _case.decision,
        _case.design,
    ),
)
_ARM_COLUMNS: Final = (
    *(_arm.arm_id, _arm.case_id, _arm.swarm_id, _arm.max_candidates, _arm.max_minutes, _arm.max_iterations),
    *(_arm.canonical_rank, _arm.strategy, _arm.strategy_version, _arm.propensity, _arm.propensity_kind),
    *(_arm.stratum, _arm.is_baseline, _arm.is_executed, _arm.planned, _arm.replicates),
)
_EXECUTION_COLUMNS: Final = (
    *(_execution.bench_id, _execution.case_id, _execution.arm_id, _execution.replicate),
    *(_execution.seed, _execution.queue, _execution.rank),
    *(_execution.worst_micro_usd, _execution.worst_ms, _execution.deadline_seconds, _execution.state),
)
# Benches are served in the order of their submission, their cases in the order of admission.
_RANKS_PER_BENCH = 1 << 32
# Gates are checked this many cases ahead of the arms that run, so that admission never waits for a check.
_CHECKED_AHEAD = 32


class Plans:
    """Benches as they are submitted."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def write(self, bench: NewBench) -> None:
        """Write the bench with its cases, arms, executions and caps; all of it, or nothing."""
        with transaction(self._engine) as connection:
            bench_no = _insert_bench(connection, bench)
            case_ids = _write_cases(connection, bench.bench_id, bench_no, bench.cases, bench.queues)
            _insert_caps(connection, bench, case_ids)

    def append(
        self, bench_id: str, cases: Sequence[NewCase], queues: dict[str, Sequence[str]], limits: BenchCaps
    ) -> list[int]:
        """Add cases to an open stream, all or none; their ids. Empty where the stream is no longer open."""
        with transaction(self._engine) as connection:
            # The lock keeps the stream from being closed meanwhile.
            bench_no = connection.scalar(_OPEN_STREAM, {"bench": bench_id})
            if bench_no is None:
                return []
            case_ids = _write_cases(connection, bench_id, bench_no, cases, queues)
            _insert_case_caps(connection, limits, case_ids)
            return case_ids


_OPEN_STREAM = sa.text("""
    SELECT bench_no FROM farm.benches WHERE bench_id = :bench AND kind = 'stream' AND state = 'open' FOR SHARE""")


def _write_cases(
    connection: sa.Connection,
    bench_id: str,
    bench_no: int,
    cases: Sequence[NewCase],
    queues: dict[str, Sequence[str]],
) -> list[int]:
    _upsert_queues(connection, queues)
    case_ids = _take_ids(connection, "cases", "case_id", len(cases))
    arm_ids = _take_ids(connection, "arms", "arm_id", sum(len(case.arms) for case in cases))
    numbered = list(_numbered(cases, case_ids, iter(arm_ids)))
    _copy(connection, _CASE_COLUMNS, _case_rows(bench_id, numbered))
    _copy(connection, _ARM_COLUMNS, _arm_rows(numbered))
    rows = _execution_rows(bench_id, bench_no * _RANKS_PER_BENCH, numbered)
    _copy(connection, _EXECUTION_COLUMNS, rows)
    return case_ids


Numbered = tuple[int, NewCase, list[tuple[int, NewArm]]]


def _insert_bench(connection: sa.Connection, bench: NewBench) -> int:
    statement = sa.text("""
        INSERT INTO farm.benches (bench_id, config, config_hash, slice, seed, k, strategy, objective, tie_break,
                                  max_retries, kind, race, stability)
        VALUES (:bench_id, CAST(:config AS jsonb), :config_hash, :slice, :seed, :k, :strategy, :objective,
                :tie_break, :max_retries, :kind, CAST(:race AS jsonb),
                CAST(:stability AS jsonb))
        RETURNING bench_no""")
    values = {
        "bench_id": bench.bench_id,
        "config": json.dumps(bench.config),
        "config_hash": bench.config_hash,
        "slice": bench.slice,
        "seed": bench.seed,
        "k": bench.k,
        "strategy": bench.strategy,
        "objective": bench.objective,
        "tie_break": list(bench.tie_break),
        "max_retries": bench.max_retries,
        "kind": bench.kind,
        "race": None if bench.race is None else json.dumps(bench.race),
        "stability": None if bench.stability is None else json.dumps(bench.stability),
    }
    return int(connection.execute(statement, values).scalar_one())


def _upsert_queues(connection: sa.Connection, queues: dict[str, Sequence[str]]) -> None:
    statement = sa.text("INSERT INTO farm.queues VALUES (:queue, :needs) ON CONFLICT DO NOTHING")
    # In one order: two submissions that name the same new classes must not wait for each other.
    for queue, needs in sorted(queues.items()):
        connection.execute(statement, {"queue": queue, "needs": list(needs)})


def _take_ids(connection: sa.Connection, table: str, column: str, count: int) -> list[int]:
    statement = sa.text("""
        SELECT coalesce(array_agg(nextval(pg_get_serial_sequence(:t, :c)::regclass)), '{}')
        FROM generate_series(1, :n)""")
    values = {"t": f"farm.{table}", "c": column, "n": count}
    return list(connection.execute(statement, values).scalar_one())


def _numbered(cases: Sequence[NewCase], case_ids: list[int], arm_ids: Iterator[int]) -> Iterator[Numbered]:
    for case_id, case in zip(case_ids, cases, strict=True):
        yield case_id, case, [(next(arm_ids), arm) for arm in case.arms]


def _case_rows(bench_id: str, numbered: list[Numbered]) -> Iterator[tuple[object, ...]]:
    for case_id, case, arms in numbered:
        yield (
            *(case_id, bench_id, case.issue_id, _json(case.issue), case.job_type),
            *(case.dk_risk, case.dk_size, case.dk_priority),
            *(_json(case.planner_input), case.input_hash, _json(case.workcell), case.baseline_key),
            None if case.baseline is None else _json(case.baseline),
            *(case.admission_rank, "checking" if case.baseline is None else "pending"),
            sum(len(arm.executions) for _, arm in arms),
            case.note,
            case.run_no,
            None if case.decision is None else _json(case.decision),
            None if case.design is None else _json(case.design),
        )


def _arm_rows(numbered: list[Numbered]) -> Iterator[tuple[object, ...]]:
    # Arms of the same action share one document: it is turned into text once.
    texts: dict[int, str] = {}
    for case_id, _case, arms in numbered:
        for arm_id, arm in arms:
            planned = texts.get(id(arm.planned)) or texts.setdefault(id(arm.planned), _json(arm.planned))
            yield (
                *(arm_id, case_id, arm.swarm_id, arm.max_candidates, arm.max_minutes, arm.max_iterations),
                *(
                    arm.canonical_rank,
                    arm.strategy,
                    arm.strategy_version,
                    arm.propensity,
                    arm.propensity_kind,
                ),
                *(arm.stratum, arm.is_baseline, arm.is_executed, planned, len(arm.executions)),
            )


def _execution_rows(bench_id: str, first_rank: int, numbered: list[Numbered]) -> Iterator[tuple[object, ...]]:
    for case_id, case, arms in numbered:
        rank = first_rank + case.admission_rank
        if case.baseline is None:
            ahead = first_rank + max(0, case.admission_rank - _CHECKED_AHEAD)
            yield _execution_row(bench_id, case_id, None, ahead, "ready", case.baseline_check)
        for arm_id, arm in arms:
            for execution in arm.executions:
                yield _execution_row(bench_id, case_id, arm_id, rank, "pending", execution)


def _execution_row(
    bench_id: str, case_id: int, arm_id: int | None, rank: int, state: str, new: NewExecution
) -> tuple[object, ...]:
    return (
        *(bench_id, case_id, arm_id, new.replicate, new.seed, new.queue, rank),
        *(new.worst_micro_usd, new.worst_ms, new.deadline_seconds, state),
    )


def _insert_caps(connection: sa.Connection, bench: NewBench, case_ids: list[int]) -> None:
    limits = bench.limits
    connection.execute(
        sa.text("""
            INSERT INTO farm.caps (scope, bench_id, usd_limit, ms_limit, executions_limit)
            VALUES ('bench', :bench, :usd, :ms, :executions)"""),
        {"bench": bench.bench_id, "usd": limits.micro_usd, "ms": limits.ms, "executions": limits.executions},
    )
    _insert_case_caps(connection, limits, case_ids)


def _insert_case_caps(connection: sa.Connection, limits: BenchCaps, case_ids: list[int]) -> None:
    if limits.case_micro_usd is not None or limits.case_ms is not None:
        connection.execute(
            sa.text("""
                INSERT INTO farm.caps (scope, case_id, usd_limit, ms_limit)
                SELECT 'case', case_id, :usd, :ms FROM unnest(CAST(:cases AS bigint[])) AS case_id"""),
            {"cases": case_ids, "usd": limits.case_micro_usd, "ms": limits.case_ms},
        )


def _copy(
    connection: sa.Connection, columns: Sequence[sa.Column[Any]], rows: Iterable[tuple[object, ...]]
) -> None:
    """Write rows of values in the order of `columns`, all of one table."""
    target = f"{columns[0].table} ({', '.join(column.name for column in columns)})"
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _json(value: object) -> str:
    return _encode(value).replace("\\u0000", "\\ufffd")
