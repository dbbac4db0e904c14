"""Mean costs are given where the draw supports them, and refused in one line where it does not."""

from dataclasses import replace

import numpy as np
import pytest

from bench.errors import BenchError
from bench.statistics.spend import SpendValue, spend_values
from bench.statistics.table import BenchTable, Floats
from tests.proofs.lottery_worlds import lottery
from tests.proofs.table_worlds import always, systems_table

WORLD = systems_table(3, issues=120, arms=8)
TABLE = lottery(WORLD, np.random.default_rng(3), 4)


def spends(table: BenchTable = TABLE, values: Floats | None = None) -> dict[str, SpendValue]:
    policies = {str(arm): always(WORLD, table, arm) for arm in range(8)}
    amounts = table.usd if values is None else values
    return spend_values(
        table, policies, np.zeros((len(table.cases), 0)), amounts, estimand="dollars", reference="0"
    )


def test_every_action_has_its_mean_and_its_difference() -> None:
    found = spends()
    truth = WORLD.usd.mean(axis=(0, 2))
    assert found["0"].difference is None
    for name, spend in found.items():
        assert spend.value.value == pytest.approx(truth[int(name)], rel=0.5)
        assert 0 < spend.value.low < spend.value.value < spend.value.high
        assert spend.value.method.startswith("issue-adjusted DR, cross-fitted by issue, 95 % bootstrap-t")
        if spend.difference is not None:
            apart = spend.value.value - found["0"].value.value
            assert spend.difference.value == pytest.approx(apart)
            assert spend.difference.low < apart < spend.difference.high


def test_the_longer_side_of_an_interval_is_above() -> None:
    for spend in spends().values():
        assert spend.value.high - spend.value.value > spend.value.value - spend.value.low


def test_without_conditional_probabilities_it_is_plain_dr() -> None:
    found = spends(replace(TABLE, swaps=None, pairs=None))
    assert found["1"].value.method.startswith("DR, cross-fitted by issue")
    assert found["1"].value.value != pytest.approx(spends()["1"].value.value)


def test_runs_that_cost_nothing_cost_zero() -> None:
    found = spends(values=np.zeros(len(TABLE.usd)))
    assert found["1"].value[1:4] == (0.0, 0.0, 0.0)


def test_unknown_costs_are_refused() -> None:
    found = spends(values=np.full(len(TABLE.usd), np.nan))
    assert "no run of this bench has a known amount" in str(found["1"].value.why_not)
    assert found["1"].difference is not None
    assert found["1"].difference.value is None


def test_an_action_of_few_issues_is_refused() -> None:
    few = lottery(WORLD, np.random.default_rng(4), 2, issues=12)
    assert all("and 10 are needed" in str(spend.value.why_not) for spend in spends(few).values())


def test_an_action_that_could_not_be_drawn_is_refused() -> None:
    chances = TABLE.chances.copy()
    here = ~np.isin(np.arange(120), TABLE.arm_case[TABLE.arm_cell == WORLD.cells[1]])
    chances[here, WORLD.cells[1]] = 0.0
    assert "could never draw" in str(spends(replace(TABLE, chances=chances))["1"].value.why_not)


@pytest.mark.parametrize("values", [np.zeros(3), np.full(len(TABLE.usd), -1.0)])
def test_amounts_that_do_not_fit_are_an_error(values: Floats) -> None:
    with pytest.raises(BenchError, match="0 or more"):
        spends(values=values)
