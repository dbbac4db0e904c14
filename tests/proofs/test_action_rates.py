"""Rates of actions are right where the draw depends on the issue, and their intervals cover on average over actions."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from bench.statistics.action_rates import ActionRate, action_rates, group_rates
from bench.statistics.estimate import Estimate
from bench.statistics.table import BenchTable
from tests.proofs.conftest import Record, Size
from tests.proofs.rate_worlds import SPECULATES, issue_world, sampled_bench
from tests.proofs.table_worlds import OutcomeTable, agents_table, bench_of, systems_table

Draw = tuple[OutcomeTable, BenchTable]


def draws(make: Callable[[int], OutcomeTable], worlds: int, per_world: int, **design: int) -> Iterator[Draw]:
    for seed in range(worlds):
        world = make(700 + seed)
        for number in range(per_world):
            yield world, bench_of(world, np.random.default_rng([seed, number, 7]), **design)


DESIGNS = {
    "24 systems, K=4, 80 issues": (systems_table, {"k": 4, "issues": 80}),
    "24 systems, K=4, 150 issues, one arm in all": (systems_table, {"k": 4, "issues": 150, "forced": 5}),
    "13 agents, K=4, 2 runs, 80 issues": (agents_table, {"k": 4, "replicates": 2, "issues": 80}),
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", DESIGNS)
def test_pooled_rates_cover_on_average_over_actions(name: str, size: Size, record_property: Record) -> None:
    make, design = DESIGNS[name]
    worlds = size.worlds(thin=6, full=120)
    held: defaultdict[str, list[bool]] = defaultdict(list)
    squared: defaultdict[str, list[float]] = defaultdict(list)
    for world, table in draws(make, worlds, size.worlds(thin=4, full=10), **design):
        index = {cell: arm for arm, cell in enumerate(world.cells.tolist())}
        dollars = world.usd.sum(axis=(0, 2)) / world.passed.sum(axis=(0, 2))
        for rate in action_rates(table):
            arm = index[rate.cell]
            truth = world.values[arm]
            held["pass rate"].append(_within(rate.passes, truth))
            squared["pooled"].append((rate.passes.value - truth) ** 2)
            squared["raw"].append((rate.passed / rate.runs - truth) ** 2)
            if rate.dollars_per_pass.low is not None:
                held["dollars a pass"].append(_within(rate.dollars_per_pass, dollars[arm]))
    allowed = 0.015 if size.full else 0.04
    for what, inside in held.items():
        record_property("claim", f"{what} covers, {name}, {worlds} worlds")
        record_property("found", f"{np.mean(inside):.1%}")
        record_property("rule", f"95 ± {100 * allowed:.1f} % on average over actions")
    error, raw = (float(np.sqrt(np.mean(squared[which]))) for which in ("pooled", "raw"))
    record_property("claim", f"pooling is nearer, {name}")
    record_property("found", f"root mean square error {100 * error:.1f} points, raw {100 * raw:.1f}")
    record_property("rule", "below raw")
    assert all(abs(np.mean(inside) - 0.95) <= allowed for inside in held.values())
    assert error < raw


def _within(estimate: Estimate, truth: float) -> bool:
    return bool(estimate.low <= truth <= estimate.high)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("strategy", ["coverage", "random"])
def test_topologies_are_ordered_right_where_the_baseline_takes_one_of_them_on_hard_issues(
    strategy: str, size: Size, record_property: Record
) -> None:
    worlds, per_world = size.worlds(thin=3, full=20), size.worlds(thin=6, full=50)
    wrong = {"raw": 0, "weighted": 0}
    off: defaultdict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    held = []
    for seed in range(worlds):
        world = issue_world(500 + seed, 400)
        truths = [world.topology(speculates=speculates) for speculates in (False, True)]
        assert truths[0] < truths[1]
        for number in range(per_world):
            rng = np.random.default_rng([seed, number])
            table = sampled_bench(world, rng, issues=100, k=4, strategy=strategy)
            means, speculates = table.arm_means(table.passed), SPECULATES[table.arm_cell]
            wrong["raw"] += bool(means[~speculates].mean() >= means[speculates].mean())
            groups = group_rates(table, {"serial": ~SPECULATES, "speculate": SPECULATES}, seed=1)
            serial, speculate = (group.passes for group in groups)
            wrong["weighted"] += bool(serial.value >= speculate.value)
            held += [_within(each, truth) for each, truth in zip((serial, speculate), truths, strict=True)]
            for rate in action_rates(table):
                if rate.direct.value is not None:
                    off[seed, rate.cell].append(_errors(rate, world.values[rate.cell]))
    benches = worlds * per_world
    bias = np.abs([np.mean(each, axis=0) for each in off.values() if len(each) >= per_world // 2])
    _record(record_property, strategy, benches, wrong, bias, held)
    assert wrong["weighted"] < wrong["raw"] / 3
    assert bias[:, 1].mean() < bias[:, 0].mean() / (2 if size.full else 1.3)
    assert abs(np.mean(held) - 0.95) <= (0.025 if size.full else 0.1)


def _errors(rate: ActionRate, truth: float) -> tuple[float, float]:
    """(raw, weighted)"""
    assert rate.direct.value is not None
    return rate.passed / rate.runs - truth, rate.direct.value - truth


def _record(
    record_property: Record,
    strategy: str,
    benches: int,
    wrong: dict[str, int],
    bias: np.ndarray,
    held: list[bool],
) -> None:
    record_property("claim", f"{strategy}: order of serial and speculate wrong, {benches} benches")
    record_property("found", f"raw {wrong['raw'] / benches:.0%}, weighted {wrong['weighted'] / benches:.0%}")
    record_property("rule", "weighted below a third of raw")
    record_property("claim", f"{strategy}: bias of the rate of an action, mean and most")
    means, most = bias.mean(axis=0), bias.max(axis=0)
    record_property("found", f"raw {means[0]:.3f}, {most[0]:.3f}; weighted {means[1]:.3f}, {most[1]:.3f}")
    record_property("rule", "weighted below half of raw")
    record_property("claim", f"{strategy}: interval of a topology covers")
    record_property("found", f"{np.mean(held):.1%}")
    record_property("rule", "95 ± 2.5 %")
