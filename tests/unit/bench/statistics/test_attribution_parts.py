"""What is said beside the shares: components tied by limits, cases that stand alone, draws that cannot answer."""

from dataclasses import replace

import numpy as np
import pytest

from bench.statistics.attribution import Attribution, attribution
from bench.statistics.knobs import knob_rows, tied, varied
from bench.statistics.pool import case_rows, pool_tables, pooled_order
from bench.statistics.table import MISSING, BenchTable, Floats, build_table
from planner.actions import JobType, all_cells
from tests.proofs.knob_worlds import additive_effects, knob_table, uniform

EFFECTS = additive_effects(0.1, np.zeros(4), np.linspace(-0.15, 0.15, 6), np.zeros(5))


def analyse(table: BenchTable, reference: Floats) -> Attribution:
    features = np.zeros((len(table.cases), 1))
    return attribution(table, reference, features, seed=1, distribution="uniform")


def everywhere(table: BenchTable) -> Floats:
    return np.tile(uniform("code"), (len(table.cases), 1))


@pytest.mark.parametrize("job_type", ["code", "fab-asset", "fab-world"])
def test_the_valid_actions_leave_the_knobs_free(job_type: JobType) -> None:
    chances = uniform(job_type)
    assert not tied(chances)
    rows = knob_rows(chances)
    assert np.bincount(rows.cell, weights=rows.share)[np.flatnonzero(chances)] == pytest.approx(1)
    assert varied(chances).tolist() == [True, True, True, job_type != "code"]


def test_limits_that_leave_out_combinations_tie_knobs_and_are_told() -> None:
    dear = [cell for cell, action in enumerate(all_cells()) if action[1] == 3 and action[2] == 120]
    chances = uniform("code")
    chances[dear] = 0
    chances /= chances.sum()
    assert tied(chances)
    table = knob_table(EFFECTS, 1, issues=200, arms=6)
    shapley = analyse(table, np.tile(chances, (200, 1)))
    assert any("limits leave out some combinations" in note for note in shapley.notes)


def test_cases_that_stand_alone_are_left_out_and_counted() -> None:
    table = knob_table(EFFECTS, 1, issues=200, arms=6)
    reference = everywhere(table)
    only = np.flatnonzero(reference[0])[:20]
    reference[7] = np.where(np.isin(np.arange(240), only), 1 / 20, 0)
    shapley = analyse(table, reference)
    assert any(note.startswith("1 cases allow") for note in shapley.notes)
    assert sum(share.value for share in shapley.shares.values()) == pytest.approx(1)


def test_picked_arms_and_actions_that_could_not_be_drawn_are_refused() -> None:
    table = knob_table(EFFECTS, 1, issues=200, arms=6)
    picked = analyse(replace(table, randomised=np.zeros(200, dtype=np.bool_)), everywhere(table))
    assert "picked, not drawn" in picked.variance.why_not
    assert picked.shares == {}
    reference = everywhere(table) * 0.9
    reference[:, 0] = 0.1
    assert (
        "could never be drawn"
        in analyse(replace(table), reference / reference.sum(1, keepdims=True)).variance.why_not
    )


def test_lost_executions_do_not_move_the_shares_and_few_arms_refuse() -> None:
    table = knob_table(EFFECTS, 1, issues=600, arms=6)
    lost = np.random.default_rng(1).random(len(table.passed)) < 0.3
    thinned = replace(
        table,
        passed=np.where(lost, np.nan, table.passed),
        missing=np.where(lost, MISSING.index("lost"), 0).astype(np.int8),
    )
    whole, part = analyse(table, everywhere(table)), analyse(thinned, everywhere(table))
    assert part.variance.value == pytest.approx(whole.variance.value, rel=0.35)
    assert part.shares["minutes"].value == pytest.approx(whole.shares["minutes"].value, abs=0.15)
    few = knob_table(EFFECTS, 1, issues=20, arms=6)
    assert "issues' worth of arms" in analyse(few, everywhere(few)).variance.why_not


def test_names_of_issues_change_nothing() -> None:
    table = knob_table(EFFECTS, 1, issues=100, arms=6)
    rows = list(case_rows(table))
    names = np.random.default_rng(2).permutation(len(rows))
    renamed = build_table(
        row._replace(case=f"x{name:03}", issue=f"y{name:03}") for row, name in zip(rows, names, strict=True)
    )
    first, second = analyse(table, everywhere(table)), analyse(renamed, everywhere(table))
    for share, other in zip(first.shares.values(), second.shares.values(), strict=True):
        assert share[1:4] == pytest.approx(other[1:4], abs=1e-9)


def test_pooling_keeps_every_outcome_in_the_order_of_issues() -> None:
    first, second = (knob_table(EFFECTS, seed, issues=30, arms=4, replicates=2) for seed in (1, 2))
    second = replace(second, cases=tuple(f"later-{case}" for case in second.cases))
    pooled = pool_tables([first, second])
    assert len(pooled.issues) == 30
    order = pooled_order([first, second])
    assert (np.concatenate([first.cases, second.cases])[order] == np.array(pooled.cases)).all()
    assert (np.concatenate([first.chances, second.chances])[order] == pooled.chances).all()
    assert pooled.passed.sum() == first.passed.sum() + second.passed.sum()
    assert (pooled.replicates == 2).all()
