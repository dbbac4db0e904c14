"""Rules that choose one action from a bench, and draws that confound actions with the issues they ran on."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from bench.statistics.choice import choose_action
from bench.statistics.outcomes import pass_own_budget
from bench.statistics.recommend import recommend
from bench.statistics.recommendation import Recommendation
from bench.statistics.table import (
    ArmRow,
    BenchTable,
    CaseRow,
    ExecutionRow,
    Floats,
    Ints,
    build_table,
)
from planner.space.heads import N_CELLS
from tests.proofs.table_worlds import OutcomeTable, agents_table, always, bench_of, systems_table

Rule = Callable[[BenchTable], tuple[Ints, Floats]]
"""The actions that ran, and a score of each: the largest is chosen."""


class Design(NamedTuple):
    """A bench of a generated table."""

    name: str
    systems: bool
    """24 systems with one attempt, rather than 13 agents with five."""
    issues: int
    replicates: int = 1
    forced: bool = True
    """Whether today's action runs on every issue."""


DESIGNS = (
    Design("24 systems, 40 issues", systems=True, issues=40),
    Design("24 systems, 150 issues", systems=True, issues=150),
    Design("24 systems, 150 issues, today's not forced", systems=True, issues=150, forced=False),
    Design("24 systems, 500 issues", systems=True, issues=500),
    Design("13 agents, 80 issues", systems=False, issues=80),
    Design("13 agents, 80 issues, 2 runs", systems=False, issues=80, replicates=2),
)


class Draw(NamedTuple):
    """A generated table, today's action (an index), and one bench of it with four arms an issue."""

    world: OutcomeTable
    today: int
    table: BenchTable


def draws(design: Design, seeds: range, *, cap: float | None = None) -> Iterator[Draw]:
    """One bench of one table for each seed; today's action is a random one."""
    for seed in seeds:
        rng = np.random.default_rng([seed, 916])
        world = systems_table(seed) if design.systems else agents_table(seed)
        today = int(rng.integers(len(world.cells)))
        table = bench_of(
            world,
            rng,
            k=4,
            replicates=design.replicates,
            forced=today if design.forced else None,
            issues=None if design.issues == len(world.passed) else design.issues,
            cap=cap,
        )
        yield Draw(world, today, table)


def regret_of(draw: Draw, rule: Rule) -> float:
    """What the chosen action passes less than the best one, on all issues of the table."""
    cells, scores = rule(draw.table)
    chosen = int(cells[int(np.argmax(scores))])
    return float(draw.world.values.max() - draw.world.values[draw.world.cells == chosen][0])


def recommended(draw: Draw) -> Recommendation:
    """The recommendation of the bench against today's action."""
    table = draw.table
    features = np.zeros((len(table.cases), 0))
    return recommend(table, always(draw.world, table, draw.today), features, pass_own_budget(table), seed=1)


def least_squares(table: BenchTable) -> tuple[Ints, Floats]:
    """The rule of the report's first line."""
    choice = choose_action(table, table.passed, None, seed=1, draws=1000)
    scores = np.zeros(len(choice.cells))
    scores[choice.best] = 1.0
    return choice.cells, scores


def most_wins(table: BenchTable) -> tuple[Ints, Floats]:
    """Cases on which the action was the quickest of those that passed."""
    passed, minutes = table.arm_means(table.passed) >= 0.5, table.arm_means(table.minutes)
    wins = np.zeros(N_CELLS)
    for case in np.unique(table.arm_case[passed]).tolist():
        arms = np.flatnonzero(passed & (table.arm_case == case))
        wins[table.arm_cell[arms[int(np.argmin(minutes[arms]))]]] += 1
    return _scored(table, wins)


def raw_rates(table: BenchTable) -> tuple[Ints, Floats]:
    """Share of its runs that passed."""
    return _ratio(table, np.where(table.observed, 1.0, 0.0), np.ones(len(table.arm_case)))


def hajek(table: BenchTable) -> tuple[Ints, Floats]:
    """Share of its arms that passed, weighted by 1/π."""
    return _ratio(table, np.where(table.observed, 1.0, 0.0), 1 / table.propensity)


def best_fixed_rule(table: BenchTable) -> tuple[Ints, Floats]:
    """Cases passed with Laplace smoothing, as `bench.experiment.regret.best_fixed` ranks."""
    observed = table.replicates > 0
    passed = observed & (np.nan_to_num(table.arm_means(table.passed)) >= 0.5)
    of = np.bincount(table.arm_cell[observed], minlength=N_CELLS)
    wins = np.bincount(table.arm_cell[passed], minlength=N_CELLS)
    return _scored(table, (wins + 1) / (of + 2))


RULES: dict[str, Rule] = {
    "most wins": most_wins,
    "raw rates": raw_rates,
    "best_fixed": best_fixed_rule,
    "Hájek": hajek,
    "least squares": least_squares,
}


def confounded_table(seed: int, *, issues: int) -> BenchTable:
    """Two of six equal actions an issue; action 0 is drawn four times as often on hard issues, action 1 on easy ones.

    The true rates are .2 on hard issues and .8 on easy ones, but for action 2, which passes .1 more on both.
    """
    rng = np.random.default_rng([seed, 917])
    cells = np.arange(0, 180, 30)
    rows = []
    for number in range(issues):
        hard = number % 2 == 0
        odds = np.array([4.0, 1.0, 1.0, 1.0, 1.0, 1.0] if hard else [1.0, 4.0, 1.0, 1.0, 1.0, 1.0])
        first = odds / odds.sum()
        pick = rng.choice(6, 2, replace=False, p=first)
        chances = np.zeros(N_CELLS)
        for arm in range(6):
            others = [other for other in range(6) if other != arm]
            second = sum(first[other] * first[arm] / (1 - first[other]) for other in others)
            chances[cells[arm]] = first[arm] + second
        rate = 0.2 if hard else 0.8
        arms = [
            ArmRow(int(cells[arm]), [ExecutionRow(0, bool(rng.random() < rate + 0.1 * (arm == 2)))])
            for arm in pick.tolist()
        ]
        rows.append(CaseRow(f"i{number}", f"i{number}", "repo", chances, True, arms))
    return build_table(rows)


def _ratio(table: BenchTable, of_run: Floats, of_arm: Floats) -> tuple[Ints, Floats]:
    weight = of_run * of_arm[table.run_arm]
    cell = table.arm_cell[table.run_arm]
    top = np.bincount(cell, weights=weight * np.nan_to_num(table.passed), minlength=N_CELLS)
    bottom = np.bincount(cell, weights=weight, minlength=N_CELLS)
    return _scored(table, np.divide(top, bottom, out=np.full(N_CELLS, -1.0), where=bottom > 0))


def _scored(table: BenchTable, scores: Floats) -> tuple[Ints, Floats]:
    cells = np.unique(table.arm_cell)
    return cells, scores[cells]
