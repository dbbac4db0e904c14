"""Several benches as one sample. An issue that two of them tried is one issue, and stays one cluster."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from bench.statistics.table import (
    MISSING,
    ArmRow,
    BenchTable,
    CaseRow,
    ExecutionRow,
    Floats,
    Ints,
    build_table,
)


def pool_tables(tables: Sequence[BenchTable]) -> BenchTable:
    """All cases of `tables`, whose case ids must differ."""
    return build_table(chain.from_iterable(map(case_rows, tables)))


def pooled_order(tables: Sequence[BenchTable]) -> Ints:
    """(N,) which row of the concatenated tables is case n of the pooled one."""
    names = [
        (table.issues[issue], case)
        for table in tables
        for issue, case in zip(table.case_issue, table.cases, strict=True)
    ]
    return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)


def case_rows(table: BenchTable) -> Iterator[CaseRow]:
    """The rows that `build_table` makes `table` of."""
    runs: dict[int, list[ExecutionRow]] = {}
    for place, arm in enumerate(table.run_arm.tolist()):
        found = runs.setdefault(arm, [])
        found.append(_run(table, place, len(found)))
    arms: dict[int, list[ArmRow]] = {}
    for arm, case in enumerate(table.arm_case.tolist()):
        arms.setdefault(case, []).append(ArmRow(int(table.arm_cell[arm]), runs.get(arm, [])))
    for number, case in enumerate(table.cases):
        yield CaseRow(
            case,
            table.issues[table.case_issue[number]],
            table.groups[table.case_group[number]],
            table.chances[number],
            bool(table.randomised[number]),
            arms.get(number, []),
        )


def _run(table: BenchTable, place: int, replicate: int) -> ExecutionRow:
    passed: Floats = table.passed[place]
    return ExecutionRow(
        replicate,
        bool(passed) if np.isfinite(passed) else None,
        MISSING[table.missing[place]],
        float(table.minutes[place]),
        float(table.usd[place]),
    )
