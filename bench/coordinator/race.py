"""A race goes on: what the decided cases say of its arms."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.statistics.racing import race
from db.repositories.bench_rows import RaceDocument
from db.repositories.races import BenchRaces, RaceOutcome


def run_race(races: BenchRaces, bench_id: str) -> None:
    """Drop what has lost. Several may do it at once: the same cases always say the same."""
    if not races.has_news(bench_id):
        return
    facts, outcomes = races.load(bench_id)
    passed = by_arm(facts, outcomes)
    cells = facts["cells"]
    dropped = race(passed, control=len(cells) if facts["control"] else None)
    races.store(
        bench_id, len(passed), {str(cells[one.arm]): {"e": one.e, "issues": one.issues} for one in dropped}
    )


def by_arm(facts: RaceDocument, outcomes: Sequence[RaceOutcome]) -> NDArray[np.float64]:
    """(cases, arms) 1 passed, 0 not, NaN without a result; the baseline last, where it runs beside."""
    column = {cell: place for place, cell in enumerate(facts["cells"])}
    rows = {case: place for place, case in enumerate(dict.fromkeys(one.case_id for one in outcomes))}
    passed = np.full((len(rows), len(column) + facts["control"]), np.nan)
    for one in outcomes:
        if one.cell in column:
            passed[rows[one.case_id], column[one.cell]] = one.passed
        if one.is_control:
            passed[rows[one.case_id], -1] = one.passed
    return passed
