"""Issue-adjusted DR is unbiased under every design with known conditional probabilities, and narrower than DR."""

import json

import numpy as np
import pytest

from bench.experiment.space import SamplingInput, SamplingRule
from bench.experiment.strategies.sampling import design_document, sample_arms
from bench.experiment.worst_case import ArmLimits, CostModel, arm_space
from bench.results.stored_design import joint_of, swaps_of
from bench.statistics.case_effects import CaseEffects
from bench.statistics.estimators import ADJUSTED_DR, DOUBLY_ROBUST, Log, minus, terms, value
from bench.statistics.intervals import linearised
from bench.statistics.issue_effect import issue_effect
from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, Floats, build_table
from bench.statistics.these_issues import half_width, lotteries
from planner.actions import canonical_rank
from planner.space.baseline import baseline_action
from planner.space.heads import N_CELLS, valid_cells
from tests.proofs.conftest import Record, Size
from tests.proofs.lottery_worlds import logs, lottery
from tests.proofs.table_worlds import OutcomeTable, agents_table, always, outcome_table, systems_table

SPACE = arm_space("code", CostModel(0.01, 0.25, 2, 2, 30.0), ArmLimits())
BASELINE = baseline_action("low", "L", "code")


def sampled(world: OutcomeTable, seed: int, strategy: str, k: int) -> BenchTable:
    """A bench of `world`, which has every valid cell, whose arms the product's strategy draws and stores."""
    row_of = {int(cell): row for row, cell in enumerate(world.cells)}
    rows = []
    for number in range(len(world.passed)):
        case = SamplingInput(f"i-{number}", SPACE, BASELINE, None, SamplingRule(k, strategy, seed=seed))
        drawn = sample_arms(case)
        design = json.loads(json.dumps(design_document(case, drawn)))
        chances = np.zeros(N_CELLS)
        for chance, members in design["propensities"]:
            chances[members] = chance
        cells = sorted(canonical_rank(arm.action) for arm in drawn.arms)
        arms = [
            ArmRow(cell, [ExecutionRow(0, bool(world.passed[number, row_of[cell], 0]))]) for cell in cells
        ]
        name, joint = f"i{number:05d}", joint_of(design, chances, cells)
        rows.append(CaseRow(name, name, "repo", chances, True, arms, joint, swaps_of(design, cells)))
    return build_table(rows)


def errors(of: Floats) -> float:
    """The largest absolute mean over draws (draws, policies), in standard errors."""
    return float(np.abs(of.mean(axis=0) / (of.std(axis=0, ddof=1) / np.sqrt(len(of)))).max())


def limit(policies: int) -> float:
    """Bonferroni: 3 standard errors for one policy, and more for the largest of several."""
    return 2.6 + 0.3 * np.log2(policies + 1)


@pytest.mark.parametrize("strategy", ["random", "coverage"])
def test_it_is_unbiased_where_the_product_draws(strategy: str, size: Size, record_property: Record) -> None:
    draws = size.worlds(thin=25, full=1000)
    world = outcome_table(41, issues=40, arms=len(valid_cells("code")), attempts=1)
    lean = np.exp(3 * np.random.default_rng(41).random(len(world.cells)))
    off = []
    for seed in range(draws):
        table = sampled(world, seed, strategy, 6)
        assert table.swaps is not None
        policy = np.zeros((len(table.cases), N_CELLS))
        policy[:, world.cells] = lean / lean.sum()
        _, by_name = logs(table, {"lean": policy})
        truth = float((world.rates * policy[:, world.cells]).sum(axis=1).mean())
        off.append([value(terms(kind, by_name["lean"])) - truth for kind in (ADJUSTED_DR, DOUBLY_ROBUST)])
    deviations = np.array(off)
    added = deviations[:, :1] - deviations[:, 1:]
    record_property(
        "claim", f"issue-adjusted DR is unbiased, {strategy} through the sampler, {draws:,} draws"
    )
    record_property(
        "found", f"{errors(deviations[:, :1]):.2f} SE; what it adds to DR: {errors(added):.2f} SE"
    )
    record_property("rule", "< 3 SE")
    assert errors(deviations[:, :1]) < limit(1)
    assert errors(added) < limit(1)


def adjusted(world: OutcomeTable, table: BenchTable) -> dict[str, Log]:
    return logs(table, {str(arm): always(world, table, arm) for arm in range(len(world.cells))})[1]


@pytest.mark.parametrize("forced", [None, 2])
def test_it_is_unbiased_for_fixed_actions(forced: int | None, size: Size, record_property: Record) -> None:
    draws = size.worlds(thin=100, full=2000)
    world = systems_table(42, issues=150, arms=12)
    rng = np.random.default_rng([42, draws])
    off = []
    for _ in range(draws):
        by_arm = adjusted(world, lottery(world, rng, 4, forced=forced))
        off.append([value(terms(ADJUSTED_DR, by_arm[str(arm)])) for arm in range(12) if arm != forced])
    truth = world.values[[arm for arm in range(12) if arm != forced]]
    record_property("claim", f"issue-adjusted DR of 12 fixed actions, forced {forced}, {draws:,} draws")
    record_property("found", f"at most {errors(np.array(off) - truth):.2f} SE")
    record_property("rule", f"< {limit(12):.1f} SE")
    assert errors(np.array(off) - truth) < limit(12)


def test_a_correction_by_the_arm_itself_is_found(size: Size, record_property: Record) -> None:
    """Wrong on purpose: the effect of an issue is predicted from all of its arms, the arm itself included."""

    class WithItself(CaseEffects):
        def without_own(self, table: BenchTable) -> Floats:
            own = self._replace(residual=np.zeros_like(self.residual), known=np.zeros_like(self.known))
            return CaseEffects.without_own(CaseEffects(*own), table)

    draws = size.worlds(thin=60, full=1000)
    world = systems_table(43, issues=150, arms=12)
    rng = np.random.default_rng([43, draws])
    off = []
    for _ in range(draws):
        table = lottery(world, rng, 4)
        policies = {str(arm): always(world, table, arm) for arm in range(12)}
        judge, by_arm = logs(table, policies)
        assert not isinstance(judge.fitted, str)
        effect = issue_effect(table, judge.fitted, WithItself(*judge.effects), judge.correction)
        assert effect is not None
        wrong = {
            name: log._replace(correction=effect.under(table, policies[name])) for name, log in by_arm.items()
        }
        off.append([value(terms(ADJUSTED_DR, log)) for log in wrong.values()])
    record_property("claim", f"a correction by the arm itself is caught, {draws:,} draws")
    record_property("found", f"up to {errors(np.array(off) - world.values):.1f} SE")
    record_property("rule", f"≥ {limit(12):.1f} SE")
    assert errors(np.array(off) - world.values) >= limit(12)


@pytest.mark.parametrize(
    ("world", "k"),
    [(systems_table(44, arms=12), 4), (systems_table(45, arms=6), 4), (agents_table(46), 4)],
    ids=["12 systems", "6 systems", "13 agents"],
)
def test_best_minus_second_is_narrower(
    world: OutcomeTable, k: int, size: Size, record_property: Record
) -> None:
    """Both intervals of plain DR, and of issue-adjusted DR, of the same draws."""
    rng = np.random.default_rng(44)
    first, second = np.argsort(-world.values)[:2].tolist()
    widths = []
    for _ in range(size.worlds(thin=12, full=200)):
        table = lottery(world, rng, k)
        judge, by_arm = logs(table, {str(arm): always(world, table, arm) for arm in (first, second)})
        one, other = by_arm[str(first)], by_arm[str(second)]
        spans = [linearised(minus(terms(e, one), terms(e, other))) for e in (ADJUSTED_DR, DOUBLY_ROBUST)]
        halves = [
            half_width(table, lotteries(table, log, one.weight - other.weight, judge.share, judge.noise))
            for log in (one, one._replace(correction=None))
        ]
        widths.append([*(span.high - span.low for span in spans), *map(float, halves)])
    like, plain, here, plain_here = np.mean(widths, axis=0)
    record_property("claim", f"best minus second, {len(world.cells)} arms: half-width ÷ plain DR's")
    record_property("found", f"issues like these {like / plain:.2f}, these issues {here / plain_here:.2f}")
    record_property("rule", "≤ 0.82, ≤ 0.72")
    assert like / plain <= 0.82
    assert here / plain_here <= 0.72
