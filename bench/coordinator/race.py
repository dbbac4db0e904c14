"""Racing: arms of a running bench are dropped by the results of its decided cases."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.statistics import racing, racing_first
from bench.statistics.racing import Test, race
from db.repositories.bench_rows import DroppedArm, RaceDocument
from db.repositories.races import BenchRaces, RaceOutcome

TESTS: Final[Mapping[str, Test]] = {racing.RULE: racing.races, racing_first.RULE: racing_first.races}
"""By rule. A race ends under the rule that it began with: a change of the test midway would add up type-I errors."""


def run_race(races: BenchRaces, bench_id: str) -> None:
    """Drop the arms that have lost. Idempotent, also when run concurrently: it depends on the decided cases alone.

    A rule that this version lacks, of a newer coordinator, drops nothing here.
    """
    if not races.has_news(bench_id):
        return
    facts, outcomes = races.load(bench_id)
    test = TESTS.get(facts.get("rule", racing_first.RULE))
    if test is None:
        return
    passed = by_arm(facts, outcomes)
    cells = facts["cells"]
    dropped = race(passed, control=len(cells) if facts["control"] else None, test=test)
    documents: dict[str, DroppedArm] = {
        str(cells[loser.arm]): {"e": loser.e, "issues": loser.issues} for loser in dropped
    }
    races.store(bench_id, len(passed), documents)


def by_arm(facts: RaceDocument, outcomes: Sequence[RaceOutcome]) -> NDArray[np.float64]:
    """(cases, arms): 1 passed, 0 failed, NaN without a result; a baseline that runs as control is the last arm."""
    column = {cell: index for index, cell in enumerate(facts["cells"])}
    case_ids = dict.fromkeys(outcome.case_id for outcome in outcomes)
    rows = {case_id: index for index, case_id in enumerate(case_ids)}
    passed = np.full((len(rows), len(column) + facts["control"]), np.nan)
    for outcome in outcomes:
        if outcome.cell in column:
            passed[rows[outcome.case_id], column[outcome.cell]] = outcome.passed
        if outcome.is_control:
            passed[rows[outcome.case_id], -1] = outcome.passed
    return passed
