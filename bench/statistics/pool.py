"""Pooling of several benches into one sample. An issue that occurs in two of them stays one cluster."""

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
    """The pooled table: all cases of `tables`, whose case ids must differ."""
    return build_table(chain.from_iterable(map(case_rows, tables)))


def pooled_order(tables: Sequence[BenchTable]) -> Ints:
    """(N,) permutation: the row of the concatenated tables that is case n of the pooled table."""
    names = [
        (table.issues[issue], case)
        for table in tables
        for issue, case in zip(table.case_issue, table.cases, strict=True)
    ]
    return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.intp)


def case_rows(table: BenchTable) -> Iterator[CaseRow]:
    """The inverse of `build_table`: the rows of `table`."""
    runs: dict[int, list[ExecutionRow]] = {}
    for execution, arm in enumerate(table.run_arm.tolist()):
        replicates = runs.setdefault(arm, [])
        replicates.append(_run(table, execution, len(replicates)))
    arms: dict[int, list[ArmRow]] = {}
    for arm, case in enumerate(table.arm_case.tolist()):
        arms.setdefault(case, []).append(ArmRow(int(table.arm_cell[arm]), runs.get(arm, [])))
    first = np.searchsorted(table.arm_case, np.arange(len(table.cases) + 1))
    for number, case in enumerate(table.cases):
        rows = slice(int(first[number]), int(first[number + 1]))
        yield CaseRow(
            case,
            table.issues[table.case_issue[number]],
            table.groups[table.case_group[number]],
            table.chances[number],
            bool(table.randomised[number]),
            arms.get(number, []),
            joint=_joint(table, rows),
            swaps=None if table.swaps is None else table.swaps[rows],
        )


def _joint(table: BenchTable, rows: slice) -> Floats | None:
    """(K, K) the joint inclusion probabilities of the arms in `rows`; π on the diagonal."""
    if table.pairs is None:
        return None
    joint = np.diag(table.propensity[rows])
    # Pairs ascend with their first arm.
    here = slice(*np.searchsorted(table.pairs.first, [rows.start, rows.stop]))
    first, second = table.pairs.first[here] - rows.start, table.pairs.second[here] - rows.start
    joint[first, second] = joint[second, first] = table.pairs.joint[here]
    return joint


def _run(table: BenchTable, execution: int, replicate: int) -> ExecutionRow:
    passed: Floats = table.passed[execution]
    return ExecutionRow(
        replicate,
        bool(passed) if np.isfinite(passed) else None,
        MISSING[table.missing[execution]],
        float(table.minutes[execution]),
        float(table.usd[execution]),
    )
