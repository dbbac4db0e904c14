"""Judgements and brackets do not change with the order of rows or the names of issues."""

from typing import Any

import numpy as np
import pytest

from bench.statistics.arms import arms_of
from bench.statistics.components import components
from bench.statistics.oracle import oracle_bracket
from bench.statistics.table import BenchTable, CaseRow, build_table
from bench.statistics.winners import judge_cases
from planner.space.heads import N_CELLS
from tests.proofs.winner_worlds import CELLS, winner_world

WORLD = winner_world(7, issues=30, replicates=3)
NAMES = [f"renamed-{number:03}" for number in np.random.default_rng(1).permutation(30)]


def numbers(table: BenchTable) -> list[float]:
    """All that is published of the oracle, the policy and the components; NaN where refused."""
    policy = np.zeros((len(table.cases), N_CELLS))
    policy[:, CELLS[5]] = 1.0
    found = oracle_bracket(table, {"fixed": policy}, seed=3)
    parts = components(arms_of(table, table.passed), seed=3)
    policies = [found.policies[0].value, *found.policies[0].regret]
    published = [*found.oracle, *found.advantage, *policies, *parts]
    return [np.nan if one is None else one for estimate in published for one in estimate[1:4]]


def judged(table: BenchTable) -> dict[str, Any]:
    return {case.case: case._replace(case="", issue="") for case in judge_cases(table, seed=3)}


def shuffled(rows: list[CaseRow]) -> list[CaseRow]:
    rng = np.random.default_rng(2)
    found = []
    for place in rng.permutation(len(rows)):
        arms = [
            arm._replace(executions=[arm.executions[e] for e in rng.permutation(len(arm.executions))])
            for arm in (rows[place].arms[a] for a in rng.permutation(len(rows[place].arms)))
        ]
        found.append(rows[place]._replace(arms=arms))
    return found


def test_the_order_of_rows_changes_nothing() -> None:
    rows = [WORLD.case(number) for number in range(30)]
    one, other = build_table(rows), build_table(shuffled(rows))
    assert numbers(one) == numbers(other)
    assert judged(one) == judged(other)


def test_the_names_of_issues_change_nothing() -> None:
    one = build_table(WORLD.case(number) for number in range(30))
    other = build_table(WORLD.case(number, NAMES[number]) for number in range(30))
    # Sums over issues run in the order of names, which moves the last bit.
    assert numbers(one) == pytest.approx(numbers(other), rel=1e-12, abs=1e-12)
    found = judged(other)
    assert judged(one) == {f"i{number:05d}": found[name] for number, name in enumerate(NAMES)}
