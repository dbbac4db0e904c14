"""The noise within arms and the differences between actions are told apart, or refused."""

from collections.abc import Callable

import numpy as np
import pytest

from bench.statistics.arms import Arms, arms_of
from bench.statistics.components import components, variances
from bench.statistics.errors import NotIdentifiedError
from tests.proofs.conftest import Size
from tests.proofs.winner_worlds import WinnerWorld, gaussian_world, winner_world

Record = Callable[[str, object], None]
pytestmark = pytest.mark.timeout(1200)


def true_parts(world: WinnerWorld) -> tuple[float, float]:
    """The mean binomial variance of the arms, and the residual mean square of the true rates."""
    rates = world.rates
    rest = rates - rates.mean(axis=1, keepdims=True) - rates.mean(axis=0) + rates.mean()
    freedom = (rates.shape[0] - 1) * (rates.shape[1] - 1)
    return float((rates * (1 - rates)).mean()), float((rest**2).sum() / freedom)


def thinned(world: WinnerWorld, seed: int, *, replicated: float, missing: float) -> WinnerWorld:
    """Only a random share of the arms keeps its replicates, and some runs are lost."""
    rng = np.random.default_rng([seed, 902])
    runs = world.runs.copy()
    runs[rng.random(runs.shape[:2]) >= replicated, 1:] = np.nan
    runs[rng.random(runs.shape) < missing] = np.nan
    return world._replace(runs=runs)


def arms(world: WinnerWorld) -> Arms:
    table = world.table()
    return arms_of(table, table.passed)


@pytest.mark.parametrize(("replicated", "missing"), [(1.0, 0.0), (0.4, 0.1)])
def test_components_are_recovered_at_two_thousand_cells(
    size: Size, record_property: Record, replicated: float, missing: float
) -> None:
    errors = []
    for seed in range(size.worlds(3, 100)):
        world = winner_world(seed, issues=334, replicates=4, precision=3.0)
        truth = true_parts(world)
        seen = thinned(world, seed, replicated=replicated, missing=missing)
        found = variances(arms(seen))
        errors.append([found.within / truth[0] - 1, found.interaction / truth[1] - 1])
    within, interaction = np.mean(errors, axis=0)
    share = "every arm" if replicated == 1 else f"{replicated:.0%} of the arms"
    record_property("claim", f"noise and interaction recovered at 2,004 cells, {share} replicated")
    record_property("found", f"off by {within:+.1%} and {interaction:+.1%}")
    record_property("rule", "within 10 %")
    assert abs(within) < 0.10
    assert abs(interaction) < 0.10


def test_a_complete_table_gives_the_mean_squares_of_the_analysis_of_variance() -> None:
    world = winner_world(3, issues=40, replicates=3)
    means, replicates = world.runs.mean(axis=2), world.runs.shape[2]
    rest = means - means.mean(axis=1, keepdims=True) - means.mean(axis=0) + means.mean()
    error = (rest**2).sum() / ((len(means) - 1) * (means.shape[1] - 1))
    row = means.shape[1] * ((means.mean(axis=1) - means.mean()) ** 2).sum() / (len(means) - 1)
    within = world.runs.var(axis=2, ddof=1).mean()
    found = variances(arms(world))
    assert found.within == pytest.approx(within, abs=1e-12)
    assert found.interaction == pytest.approx(error - within / replicates, abs=1e-12)
    assert found.issue == pytest.approx((row - error) / means.shape[1], abs=1e-12)


def test_pairs_give_half_the_mean_square_difference() -> None:
    world = winner_world(4, issues=50, replicates=2)
    assert variances(arms(world)).within == pytest.approx((np.diff(world.runs) ** 2).mean() / 2, abs=1e-12)


def test_issues_counted_twice_weigh_as_two_issues() -> None:
    world = winner_world(6, issues=20, replicates=2)
    doubled = WinnerWorld(*(np.concatenate([part, part[:1]]) for part in world))
    sample = arms(world)
    copies = np.ones(20, dtype=np.intp)
    copies[sample.issue[sample.row == 0]] = 2
    assert tuple(variances(sample, copies)) == pytest.approx(tuple(variances(arms(doubled))), abs=1e-12)


def test_single_runs_refuse_with_what_mends_them() -> None:
    with pytest.raises(NotIdentifiedError, match=r"`replicates: 2`.*`replicate_fraction`"):
        components(arms(winner_world(1, issues=30, replicates=1)), seed=1)


def test_intervals_hold_the_components(size: Size, record_property: Record) -> None:
    held = []
    for seed in range(size.worlds(3, 100)):
        world = gaussian_world(seed, issues=60, replicates=2, within=1.0, interaction=0.5, issue=1.0)
        table = world.table()
        found = components(arms_of(table, table.minutes), seed=seed)
        held.append([part.low <= truth <= part.high for part, truth in zip(found, (1, 0.5, 1), strict=False)])
    shares = np.mean(held, axis=0)
    record_property("claim", "bootstrap intervals of within, interaction and issue variance, 60 issues")
    record_property("found", ", ".join(f"{share:.1%}" for share in shares))
    record_property("rule", "≥ 88 %")
    assert (shares >= size.worlds(60, 88) / 100).all()
