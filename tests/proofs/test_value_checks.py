"""The checks of the draw let fair draws pass and find chances that are not those of the draw."""

from dataclasses import replace

import numpy as np

from bench.statistics.diagnostics import counts_chance, diagnose
from bench.statistics.logs import bench_log
from tests.proofs.conftest import Record, Size
from tests.proofs.value_worlds import CELLS, draw, make_world

WORLD = make_world(4)


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
    return bool(checks.wrong), counts_chance(replace(table, chances=tilted)) < 0.001
