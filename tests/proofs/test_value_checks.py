"""The checks of the draw accept honest draws, also of many policies at once, and find chances that are wrong."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from bench.experiment.strategies.sampling import joint_propensities, propensities, sample_arms
from bench.statistics.diagnostics import LEAST_CHANCE, counts_chance, diagnose
from bench.statistics.logs import bench_log, design_weights
from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, Floats, build_table
from planner.actions import Action, canonical_rank
from planner.space.heads import N_CELLS
from tests.proofs.conftest import Record, Size
from tests.proofs.test_propensities import case
from tests.proofs.value_worlds import CELLS, draw, make_world

WORLD = make_world(4)
ISSUES, K, FIXED = 80, 6, 16
MIXED = 8
"""Policies with a random probability of every action, besides the `FIXED` that take one action everywhere."""


def test_fair_draws_pass_and_tilted_chances_do_not(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=150, full=3000)
    fair, tilted = np.array([_refusals(number) for number in range(worlds)]).mean(axis=0)
    record_property("claim", f"draws that do not match their stored chances are refused, {worlds} of each")
    record_property("found", f"refused: fair {fair:.2%}, stored chances tilted by 30 % {tilted:.0%}")
    record_property("rule", "fair ≤ 1 %, tilted ≥ 99 %")
    assert fair <= 0.01
    assert tilted >= 0.99


def _refusals(number: int) -> tuple[bool, bool]:
    drawn = draw(WORLD, np.random.default_rng([number, 8]), 200)
    policy = drawn.policy(WORLD.policy)
    tilted = drawn.table.chances.copy()
    tilted[:, CELLS] *= np.tile([0.7, 1.3], len(CELLS) // 2)
    table = drawn.table
    log = bench_log(table, policy, table.passed)
    checks = diagnose(table, policy, log, counts_chance(table))
    return bool(checks.wrong), counts_chance(replace(table, chances=tilted)) < LEAST_CHANCE


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("strategy", ["random", "coverage"])
def test_honest_draws_of_many_policies_are_seldom_accused(
    strategy: str, size: Size, record_property: Record
) -> None:
    benches = size.worlds(thin=100, full=3000)
    accused, by_errors = np.array([_accusations(strategy, number) for number in range(benches)]).mean(axis=0)
    record_property("claim", f"honest {strategy} draws with {FIXED + MIXED} policies, {benches} benches")
    record_property("found", f"accused: {accused:.2%}; by 3 standard errors {by_errors:.1%}")
    record_property("rule", "≤ .5 %; by 3 standard errors above")
    assert accused <= 0.005 < by_errors


def _accusations(strategy: str, number: int) -> tuple[bool, bool]:
    """Whether any policy of an honest bench is accused, and whether 3 empirical standard errors would accuse one."""
    table = _drawn(strategy, number)
    chance = counts_chance(table)
    by_errors, accused = False, False
    for policy in _policies(table, number):
        log = bench_log(table, policy, table.passed)
        accused |= bool(diagnose(table, policy, log, chance, FIXED + MIXED).wrong)
        sums = np.bincount(table.arm_case, design_weights(table, policy), minlength=ISSUES)
        by_errors |= abs(sums.mean() - 1) > 3 * sums.std(ddof=1) / np.sqrt(ISSUES)
    return accused, by_errors


def _policies(table: BenchTable, number: int) -> list[Floats]:
    rng = np.random.default_rng([number, 16])
    cells = np.flatnonzero(table.chances[0])
    rows = np.zeros((FIXED + MIXED, N_CELLS))
    rows[np.arange(FIXED), rng.choice(cells, FIXED, replace=False)] = 1
    rows[FIXED:, cells] = rng.dirichlet(np.full(len(cells), 0.3), MIXED)
    return [np.tile(row, (ISSUES, 1)) for row in rows]


@cache
def _chances(strategy: str) -> Mapping[Action, float]:
    return propensities(case(strategy, 0, k=K))


def _drawn(strategy: str, number: int) -> BenchTable:
    """A bench that the product's sampler drew, with its stored single and joint probabilities."""
    chances = np.zeros(N_CELLS)
    for action, chance in _chances(strategy).items():
        chances[canonical_rank(action)] = chance
    rows = []
    for issue in range(ISSUES):
        asked = case(strategy, number * ISSUES + issue, k=K)
        actions = sorted((arm.action for arm in sample_arms(asked).arms), key=canonical_rank)
        arms = [ArmRow(canonical_rank(action), [ExecutionRow(0, True)]) for action in actions]
        name = f"i{issue:03}"
        joint = np.array(joint_propensities(asked, tuple(actions)))
        rows.append(CaseRow(name, name, name, chances, True, arms, joint))
    return build_table(rows)


def test_chances_that_are_wrong_by_case_are_found_by_the_weights() -> None:
    """Even and odd cases have each other's chances: over all cases the counts agree, and the weights do not."""
    drawn = draw(WORLD, np.random.default_rng(17), 200)
    tilts = np.where((np.arange(200)[:, None] + np.arange(len(CELLS))) % 2, 0.7, 1.3)
    chances, policy = drawn.table.chances.copy(), np.zeros_like(drawn.table.chances)
    chances[:, CELLS] *= tilts
    policy[:, CELLS] = np.where(tilts < 1, 2 / len(CELLS), 0.0)
    table = replace(drawn.table, chances=chances)
    checks = diagnose(table, policy, bench_log(table, policy, table.passed), counts_chance(table), 24)
    assert checks.counts_chance > LEAST_CHANCE
    assert any("the weights average 1.4" in line for line in checks.wrong)
