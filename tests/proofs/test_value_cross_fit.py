"""No outcome model judges an issue it has seen; one that only remembers does no harm then, and does otherwise."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from bench.statistics.cross_fit import GroupBy, OutcomeModel, cross_fitted, design, folds
from bench.statistics.estimators import DOUBLY_ROBUST, terms, value
from bench.statistics.intervals import standard_error
from bench.statistics.logs import bench_log
from bench.statistics.outcomes import pass_own_budget
from bench.statistics.table import BenchTable, Floats
from tests.proofs.conftest import Record, Size
from tests.proofs.value_worlds import CELLS, Draw, draw, make_table, make_world


class Memory:
    """Remembers the nearest row; of one issue that row is nearest which the issue itself gave."""

    def __init__(self) -> None:
        self._model = KNeighborsRegressor(1)

    def fit(self, rows: Floats, values: Floats, sample_weight: Floats) -> None:
        self._model.fit(rows, values)

    def predict(self, rows: Floats) -> Floats:
        return self._model.predict(rows)


def seen(table: BenchTable, features: Floats, model: OutcomeModel) -> Floats:
    """Wrong on purpose: expectations of a model for the very issues it was fitted on."""
    model.fit(design(features, table.arm_case, table.arm_cell), table.passed, np.ones(len(table.passed)))
    cases = np.repeat(np.arange(len(table.cases)), len(CELLS))
    rows = design(features, cases, np.tile(CELLS, len(table.cases)))
    expected = np.zeros(table.chances.shape)
    expected[:, CELLS] = model.predict(rows).reshape(len(table.cases), -1)
    return expected


@pytest.mark.parametrize("group_by", ["issue", "group"])
def test_no_group_is_on_both_sides(group_by: GroupBy) -> None:
    rng = np.random.default_rng(3)
    drawn = draw(make_world(1), rng, 40, benches=3)
    issue = drawn.table.case_issue
    table = make_table(
        drawn.table.chances,
        drawn.table.arm_cell.reshape(len(issue), -1),
        drawn.table.passed.reshape(len(issue), -1, 1),
        issue,
        issue // 4,
    )
    group = table.case_issue if group_by == "issue" else table.case_group
    held_out = np.array(list(folds(table, drawn.features, group_by)))
    assert (held_out.sum(axis=0) == 1).all()
    for mask in held_out:
        assert not set(group[mask]) & set(group[~mask])


def test_a_model_that_only_remembers_does_no_harm(size: Size, record_property: Record) -> None:
    worlds = size.worlds(thin=20, full=300)
    found = np.array([_errors(number) for number in range(worlds)])
    moved = np.abs(found[:, 0])
    mean = found[:, 1:].mean(axis=0) / (found[:, 1:].std(axis=0, ddof=1) / np.sqrt(worlds))
    record_property("claim", f"a memorising model, cross-fitted, does no harm, {worlds} worlds")
    record_property(
        "found",
        f"moves the value by {moved.mean():.2f} SE; on average {mean[0]:+.1f} SE off, "
        f"and {mean[1]:+.1f} SE where it had seen the issue",
    )
    record_property("rule", "< 2 SE in 95 % of worlds; |average| < 3 SE; seen: beyond that")
    assert np.mean(moved < 2) >= 0.95
    assert abs(mean[0]) < 3 < abs(mean[1])


def _errors(number: int) -> tuple[float, float, float]:
    """How far memory moves the value, in its SE; how far it is from the truth then; and where it saw the issue."""
    world = make_world(number)
    drawn = draw(world, np.random.default_rng([number, 6]), 150)
    table, features, policy = drawn.table, _apart(drawn), drawn.policy(world.policy)
    outcome = pass_own_budget(table)
    plain, memory, unfair = (
        terms(DOUBLY_ROBUST, bench_log(table, policy, table.passed, fitted=fitted))
        for fitted in (
            cross_fitted(table, features, outcome, "issue"),
            cross_fitted(table, features, outcome, "issue", Memory),
            seen(table, features, Memory()),
        )
    )
    moved = (value(memory) - value(plain)) / standard_error(plain)
    return moved, value(memory) - world.truth, value(unfair) - world.truth


def _apart(drawn: Draw) -> Floats:
    """Features that tell every issue from every other."""
    return np.hstack([drawn.features, 5 * np.arange(len(drawn.types))[:, None]])
