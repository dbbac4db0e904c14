"""Estimators are the published ones: equal to a reference implementation, and to plain means where they must be."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.statistics.cross_fit import cross_fitted
from bench.statistics.estimators import (
    DIRECT,
    DOUBLY_ROBUST,
    HAJEK,
    HORVITZ_THOMPSON,
    NORMALISED_DR,
    Estimator,
    Log,
    clipped,
    shrunk,
    switch,
    terms,
    value,
)
from bench.statistics.logs import bench_log
from bench.statistics.outcomes import pass_own_budget
from bench.statistics.table import Floats, Ints
from tests.proofs.conftest import Record
from tests.proofs.value_worlds import CELLS, draw, make_world

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "ope_golden.json").read_text())["cases"]
ESTIMATORS: dict[str, Estimator] = {
    "ips": HORVITZ_THOMPSON,
    "ips_clip5": clipped(5, direct=False),
    "snips": HAJEK,
    "dm": DIRECT,
    "dr": DOUBLY_ROBUST,
    "dr_clip5": clipped(5, direct=True),
    "sndr": NORMALISED_DR,
    "switch_dr5": switch(5),
    "dros5": shrunk(5),
}


def row_log(action: Ints, reward: Floats, chance: Floats, policy: Floats, fitted: Floats) -> Log:
    """n rows: the `action` taken with probability `chance` (n,), and `policy` and `fitted` (n, actions)."""
    rows = np.arange(len(action))
    return Log(
        arm_case=rows,
        case_issue=rows,
        weight=policy[rows, action] / chance,
        outcome=reward,
        fitted=fitted[rows, action],
        direct=(policy * fitted).sum(axis=1),
    )


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"case-{case['seed']}")
def test_row_forms_equal_the_reference(case: dict[str, Any], name: str, record_property: Record) -> None:
    log = row_log(*(np.array(case[part]) for part in ("action", "reward", "pscore", "pi_e", "q_hat")))
    found = value(terms(ESTIMATORS[name], log))
    record_property("claim", f"{name} equals the reference implementation")
    record_property("found", f"{abs(found - case['expected'][name]):.1e}")
    record_property("rule", "≤ 1e-9")
    assert abs(found - case["expected"][name]) <= 1e-9


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_bench_with_one_arm_a_case_is_a_row(name: str) -> None:
    world = make_world(1)
    drawn = draw(world, np.random.default_rng(5), 60, arms=1)
    table, policy = drawn.table, drawn.policy(world.policy)
    fitted = cross_fitted(table, drawn.features, pass_own_budget(table), "issue")
    by_bench = value(terms(ESTIMATORS[name], bench_log(table, policy, table.passed, fitted=fitted)))
    rows = row_log(table.arm_cell, table.passed, np.full(60, 1 / len(CELLS)), policy, fitted)
    assert by_bench == pytest.approx(value(terms(ESTIMATORS[name], rows)), abs=1e-12)


@pytest.mark.parametrize("estimator", [HORVITZ_THOMPSON, HAJEK], ids=lambda estimator: estimator.name)
def test_the_policy_that_sampled_is_worth_the_plain_mean(estimator: Estimator) -> None:
    drawn = draw(make_world(2), np.random.default_rng(6), 80, replicates=2)
    table = drawn.table
    behaviour = table.chances / table.chances.sum(axis=1, keepdims=True)
    found = value(terms(estimator, bench_log(table, behaviour, table.passed)))
    assert found == pytest.approx(table.passed.mean(), abs=1e-12)


@pytest.mark.parametrize("estimator", [DOUBLY_ROBUST, NORMALISED_DR], ids=lambda estimator: estimator.name)
def test_a_model_that_knows_no_action_leaves_the_plain_mean(estimator: Estimator) -> None:
    drawn = draw(make_world(2), np.random.default_rng(6), 80)
    table = drawn.table
    behaviour = table.chances / table.chances.sum(axis=1, keepdims=True)
    by_issue = np.broadcast_to(np.linspace(0, 1, 80)[:, None], table.chances.shape)
    found = value(terms(estimator, bench_log(table, behaviour, table.passed, fitted=by_issue)))
    assert found == pytest.approx(table.passed.mean(), abs=1e-12)
