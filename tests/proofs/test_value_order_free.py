"""Neither the order in which rows come nor what cases, issues and repositories are called changes a number."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, build_table
from bench.statistics.value import PolicyValue, policy_values
from planner.space.heads import N_CELLS
from tests.proofs.conftest import Record
from tests.proofs.value_worlds import CELLS, N_ARMS

ISSUES = 60
RNG = np.random.default_rng(9)
FEATURES = RNG.normal(size=(ISSUES, 3))
ODDS = RNG.random((ISSUES, len(CELLS)))


def rows() -> list[CaseRow]:
    """A bench with a killed execution here and there; the case's number stands at the end of its names."""
    rng = np.random.default_rng(10)
    chances = np.zeros(N_CELLS)
    chances[CELLS] = N_ARMS / len(CELLS)
    return [
        CaseRow(
            f"case-{number:03}",
            f"issue-{number:03}",
            f"group-{number // 4:03}",
            chances,
            True,
            [
                ArmRow(int(cell), [_execution(rng, replicate) for replicate in range(2)])
                for cell in rng.choice(CELLS, N_ARMS, replace=False)
            ],
        )
        for number in range(ISSUES)
    ]


def _execution(rng: np.random.Generator, replicate: int) -> ExecutionRow:
    if rng.random() < 0.1:
        return ExecutionRow(replicate, None, "killed_by_cap")
    return ExecutionRow(replicate, bool(rng.random() < 0.6))


def shuffled(cases: list[CaseRow]) -> list[CaseRow]:
    rng = np.random.default_rng(11)
    mixed = [
        case._replace(
            arms=[arm._replace(executions=_mixed(arm.executions, rng)) for arm in _mixed(case.arms, rng)]
        )
        for case in cases
    ]
    return _mixed(mixed, rng)


def _mixed(items: Any, rng: np.random.Generator) -> list[Any]:
    return [items[place] for place in rng.permutation(len(items))]


def renamed(cases: list[CaseRow]) -> list[CaseRow]:
    rng = np.random.default_rng(12)
    codes = rng.permutation(10 * ISSUES)
    return [
        case._replace(
            case=f"{codes[number]}-{number:03}",
            issue=f"{codes[ISSUES + number]}-{number:03}",
            group=f"{codes[2 * ISSUES + number // 4]}",
        )
        for number, case in enumerate(cases)
    ]


def values(table: BenchTable) -> list[PolicyValue]:
    number = [int(case[-3:]) for case in table.cases]
    policies = {}
    for name, greed in (("plain", 0.0), ("greedy", 4.0)):
        policy = np.zeros((ISSUES, N_CELLS))
        policy[:, CELLS] = np.exp(greed * ODDS[number])
        policies[name] = policy / policy.sum(axis=1, keepdims=True)
    return policy_values(table, policies, FEATURES[number], seed=3, group_by="group")


def figures(found: list[PolicyValue]) -> list[float]:
    estimates = [
        estimate
        for one in found
        for estimate in (
            *one.estimates.values(),
            *one.resampled.values(),
            one.finite_sample,
            one.bounds,
            *([one.difference] if one.difference else []),
        )
    ]
    assert all(estimate.why_not is None for estimate in estimates)
    return [
        np.nan if figure is None else figure
        for estimate in estimates
        for figure in (estimate.value, estimate.low, estimate.high)
    ]


@pytest.mark.parametrize("change", [shuffled, renamed], ids=["other order", "other names"])
def test_every_figure_stays(
    change: Callable[[list[CaseRow]], list[CaseRow]], record_property: Record
) -> None:
    before = figures(values(build_table(rows())))
    after = figures(values(build_table(change(rows()))))
    apart = float(np.nanmax(np.abs(np.array(before) - np.array(after))))
    record_property("claim", f"{change.__name__} rows change no policy value")
    record_property("found", f"{apart:.1e}")
    record_property("rule", "≤ 1e-9")
    assert after == pytest.approx(before, abs=1e-9, nan_ok=True)
