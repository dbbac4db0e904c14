"""What is chosen for being high is not as high as it looks: brackets, shrinkage and intervals that know it."""

from collections.abc import Callable
from typing import TypedDict

import numpy as np
import pytest
from scipy import stats

from bench.statistics.arms import Arms, arms_of
from bench.statistics.oracle import OracleBracket, oracle_bracket
from bench.statistics.oracle_lower_bound import cross_fitted_best
from bench.statistics.posterior import RESOLUTION, best_of_case, posterior, share_of_best
from bench.statistics.table import BenchTable
from bench.statistics.winner_value import pass_interval
from planner.space.heads import N_CELLS
from tests.proofs.conftest import Size
from tests.proofs.winner_worlds import WinnerWorld, winner_world

Record = Callable[[str, object], None]


class FewDraws(TypedDict):
    fits: int
    each: int


pytestmark = pytest.mark.timeout(1200)
FEW_DRAWS: FewDraws = {"fits": 20, "each": 5}
SMALL_BIAS = 0.015


def is_small(off: list[float], size: Size) -> bool:
    """Whether the mean is within a point and a half; the few worlds of a thin cut may add their own error."""
    error = 0.0 if size.full or len(off) < 2 else 2 * float(stats.sem(off))
    return bool(abs(np.mean(off)) < SMALL_BIAS + error)


def read(world: WinnerWorld) -> tuple[BenchTable, Arms]:
    table = world.table()
    return table, arms_of(table, table.passed)


def fixed(world: WinnerWorld, table: BenchTable) -> np.ndarray:
    """The policy of the truly best fixed action."""
    policy = np.zeros((len(table.cases), N_CELLS))
    policy[:, world.best_fixed[0]] = 1.0
    return policy


def judged(world: WinnerWorld) -> OracleBracket:
    table = world.table()
    return oracle_bracket(table, {"fixed": fixed(world, table)}, seed=1)


@pytest.mark.parametrize("replicates", [2, 3])
def test_equal_arms_have_no_corrected_advantage(size: Size, record_property: Record, replicates: int) -> None:
    corrected, naive = [], []
    for seed in range(size.worlds(12, 400)):
        world = winner_world(seed, issues=60, replicates=replicates, effect=0.0, precision=np.inf)
        table, arms = read(world)
        chosen = cross_fitted_best(table, arms, table.passed, seed=seed)
        corrected.append(chosen.mean() - arms.mean.mean())
        naive.append(best_of_case(arms.mean[None, :], arms.case).mean() - arms.mean.mean())
    mean, error = float(np.mean(corrected)), float(stats.sem(corrected))
    record_property("claim", f"equal arms, R = {replicates}: corrected advantage of the winner")
    record_property("found", f"{mean:+.4f} ± {error:.4f}; naive {np.mean(naive):+.3f}")
    record_property("rule", "0 ± 2 SE; naive > 0")
    assert abs(mean) <= 2 * error
    assert np.mean(naive) > 0.05


@pytest.mark.parametrize("replicates", [1, 2, 4])
def test_the_bracket_holds_the_oracle_on_average(
    size: Size, record_property: Record, replicates: int
) -> None:
    ends = []
    for seed in range(size.worlds(10, 1000 if replicates == 2 else 300)):
        world = winner_world(seed, issues=60, replicates=replicates)
        table, arms = read(world)
        lower = cross_fitted_best(table, arms, table.passed, seed=seed).mean()
        ends.append([lower, world.oracle, best_of_case(arms.mean[None, :], arms.case).mean()])
    lower, oracle, upper = np.mean(ends, axis=0)
    record_property("claim", f"O_L ≤ O ≤ O_U on average, R = {replicates}, {len(ends)} worlds")
    record_property("found", f"{lower:.3f} ≤ {oracle:.3f} ≤ {upper:.3f}")
    record_property("rule", "in this order")
    assert lower <= oracle <= upper


@pytest.mark.parametrize("replicates", [2, 3])
def test_empirical_bayes_reads_the_oracle_within_a_point_and_a_half(
    size: Size, record_property: Record, replicates: int
) -> None:
    off = []
    for seed in range(size.worlds(4, 80)):
        world = winner_world(seed, replicates=replicates)
        _, arms = read(world)
        off.append(posterior(arms, seed=seed, **FEW_DRAWS).best_value.mean() - world.oracle)
    record_property("claim", f"bias of the empirical-Bayes oracle, R = {replicates}")
    record_property("found", f"{100 * np.mean(off):+.2f} points (one world: ± {100 * np.std(off):.1f})")
    record_property("rule", "within 1.5 points")
    assert is_small(off, size)


def test_one_run_in_each_arm_reads_the_oracle_far_too_high_and_only_a_bracket_is_given(
    size: Size, record_property: Record
) -> None:
    found = []
    for seed in range(size.worlds(2, 60)):
        world = winner_world(seed)
        bracket = judged(world)
        regret = bracket.policies[0].regret
        assert not bracket.oracle.identified
        assert regret.point.why_not is not None
        truth, worth = world.oracle, world.best_fixed[1]
        assert bracket.oracle.lower.low < truth < bracket.oracle.upper.high
        assert regret.lower.low < truth - worth < regret.upper.high
        found.append(
            [bracket.oracle.upper.value, truth, regret.upper.value, truth - worth, bracket.oracle.lower.value]
        )
    plug_in, truth, naive, regret_truth, lower = np.mean(found, axis=0)
    record_property(
        "claim", "300 issues, K = 6, R = 1: the plug-in reads too much, the bracket holds the truth"
    )
    record_property(
        "found",
        f"oracle {plug_in:.2f} for {truth:.2f}, regret {naive:.2f} for {regret_truth:.2f}; "
        f"bracket from {lower:.2f}, no point",
    )
    record_property("rule", "≈ .86 for .63, ≈ .29 for .06; truth inside")
    near = 0.015 if size.full else 0.05
    assert [plug_in, truth, naive, regret_truth] == pytest.approx([0.86, 0.63, 0.29, 0.06], abs=near)


def test_the_plug_in_winner_is_worse_than_the_best_fixed_action() -> None:
    world = winner_world(0, issues=20_000)
    first = (world.runs[..., 0] == world.runs[..., 0].max(axis=1, keepdims=True)).astype(float)
    winners = (first * world.rates).sum(axis=1) / first.sum(axis=1)
    assert winners.mean() < world.best_fixed[1]


def test_two_runs_read_regret_within_a_point_and_a_half(size: Size, record_property: Record) -> None:
    off, held = [], []
    for seed in range(size.worlds(2, 60)):
        world = winner_world(seed, replicates=2)
        point = judged(world).policies[0].regret.point
        truth = world.oracle - world.best_fixed[1]
        off.append(point.value - truth)
        held.append(point.low <= truth <= point.high)
    record_property(
        "claim", "300 issues, K = 6, R = 2: bias of the regret point, and how often its interval holds"
    )
    record_property("found", f"{100 * np.mean(off):+.2f} points, {np.mean(held):.0%}")
    record_property("rule", "within 1.5 points, ≥ 95 %")
    assert is_small(off, size)
    assert np.mean(held) >= 0.95


@pytest.mark.parametrize("precision", [25.0, np.inf])
def test_the_corrected_value_of_the_leader(size: Size, record_property: Record, precision: float) -> None:
    effect = 0.3 if np.isfinite(precision) else 0.0
    naive: list[float] = []
    shrunk: list[float] = []
    held: list[bool] = []
    held_naively: list[bool] = []
    for seed in range(size.worlds(2, 60)):
        world = winner_world(seed, issues=200, replicates=5, effect=effect, precision=precision)
        table, arms = read(world)
        beliefs = posterior(arms, seed=seed, **FEW_DRAWS)
        truth = world.rates.ravel()[np.argsort(np.lexsort((table.arm_cell, table.arm_case)))][arms.row]
        first = np.flatnonzero(np.diff(arms.case, prepend=-1))
        lead = np.array([first[c] + np.argmax(arms.mean[first[c] : first[c] + 6]) for c in range(len(first))])
        naive.extend(arms.mean[lead] - truth[lead])
        shrunk.extend(beliefs.mean[lead] - truth[lead])
        for among, into in ((6, held), (1, held_naively)):
            spans = [pass_interval(round(5 * mean), 5, among) for mean in arms.mean[lead]]
            into.extend(low <= rate <= high for (low, high), rate in zip(spans, truth[lead], strict=True))
    world_name = "equal arms" if np.isinf(precision) else "the motivating world"
    record_property("claim", f"value of the leader, R = 5, {world_name}")
    record_property(
        "found",
        f"corrected {100 * np.mean(shrunk):+.1f} points, naive {100 * np.mean(naive):+.1f}; interval holds "
        f"{np.mean(held):.1%}, uncorrected {np.mean(held_naively):.1%}",
    )
    record_property("rule", "within 1.5 points; ≥ 95 %")
    assert abs(np.mean(shrunk)) < SMALL_BIAS
    assert np.mean(naive) > 0.05
    assert np.mean(held) >= 0.95


def test_chances_of_being_best_come_true(size: Size, record_property: Record) -> None:
    claimed, true = [], []
    for seed in range(size.worlds(3, 60)):
        world = winner_world(seed, replicates=3)
        _, arms = read(world)
        beliefs = posterior(arms, seed=seed, **FEW_DRAWS)
        claimed.append(beliefs.best)
        true.append(share_of_best(world.rates.ravel()[arms.row][None, :], arms.case, RESOLUTION)[0])
    chance, best = np.concatenate(claimed), np.concatenate(true)
    place = np.searchsorted(np.quantile(chance, [0.2, 0.4, 0.6, 0.8]), chance)
    off = [best[place == b].mean() - chance[place == b].mean() for b in range(5)]
    record_property("claim", "P(best) against who is best, five bins, R = 3")
    record_property("found", f"largest gap {100 * np.abs(off).max():.1f} points")
    record_property("rule", "within 5 points")
    assert np.abs(off).max() < 0.05
