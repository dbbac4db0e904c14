"""Intervals of mean dollars hold for every arm, where Student's t does not, and so do their differences."""

import numpy as np
import pytest

from bench.statistics.cross_fit import cross_fitted
from bench.statistics.estimators import DOUBLY_ROBUST, terms
from bench.statistics.intervals import linearised
from bench.statistics.logs import bench_log
from bench.statistics.outcomes import Outcome
from bench.statistics.spend import spend_values
from bench.statistics.table import Floats
from tests.proofs.conftest import Record, Size
from tests.proofs.lottery_worlds import BY_ISSUE, lottery
from tests.proofs.table_worlds import OutcomeTable, always, systems_table

ISSUES = 150


def skewed(world: OutcomeTable, deviation: float) -> OutcomeTable:
    """The same table with log-normal costs of this standard deviation within an issue and an arm."""
    rng = np.random.default_rng(91)
    price = np.exp(rng.uniform(np.log(0.05), np.log(3), len(world.cells)))
    size = world.usd.shape[:2]
    logs = 0.5 * rng.standard_normal((size[0], 1)) + deviation * rng.standard_normal(size)
    return world._replace(usd=(price * np.exp(logs))[:, :, None])


def held(world: OutcomeTable, draws: int) -> tuple[Floats, Floats]:
    """By arm, the share of draws whose interval holds the arm's mean; and of all but the first, its difference."""
    truth = world.usd.mean(axis=(0, 2))
    rng = np.random.default_rng([draws, len(truth)])
    alone, paired = [], []
    for _ in range(draws):
        table = lottery(world, rng, 4, issues=ISSUES)
        policies = {str(arm): always(world, table, arm) for arm in range(len(truth))}
        spends = spend_values(
            table, policies, np.zeros((ISSUES, 0)), table.usd, estimand="dollars", reference="0"
        )
        limits = np.array([spend.value[2:4] for spend in spends.values()], dtype=np.float64)
        alone.append((limits[:, 0] <= truth) & (truth <= limits[:, 1]))
        limits = np.array(
            [spend.difference[2:4] for spend in spends.values() if spend.difference], dtype=np.float64
        )
        paired.append((limits[:, 0] <= truth[1:] - truth[0]) & (truth[1:] - truth[0] <= limits[:, 1]))
    return np.mean(alone, axis=0), np.mean(paired, axis=0)


def by_t(world: OutcomeTable, draws: int) -> Floats:
    """The same shares of Student's t, with a linear outcome model."""
    truth = world.usd.mean(axis=(0, 2))
    rng = np.random.default_rng([draws, len(truth)])
    shares = []
    for _ in range(draws):
        table = lottery(world, rng, 4, issues=ISSUES)
        outcome = Outcome("dollars", table.usd, 0.0, np.inf)
        fitted = cross_fitted(table, np.zeros((ISSUES, 0)), outcome, BY_ISSUE)
        spans = [
            linearised(
                terms(DOUBLY_ROBUST, bench_log(table, always(world, table, arm), table.usd, fitted=fitted))
            )
            for arm in range(len(truth))
        ]
        shares.append([span.low <= mean <= span.high for span, mean in zip(spans, truth, strict=True)])
    return np.mean(shares, axis=0)


def margin(draws: int) -> float:
    """Three standard errors of the share of one arm, of which the worst of many is read."""
    return 3 * float(np.sqrt(0.92 * 0.08 / draws))


@pytest.mark.parametrize("arms", [24, 12])
@pytest.mark.parametrize("deviation", [None, 1.2], ids=["like agents", "heavy"])
def test_every_arm_has_an_interval_that_holds(
    arms: int, deviation: float | None, size: Size, record_property: Record
) -> None:
    draws = size.worlds(thin=40, full=600)
    world = systems_table(51, arms=arms)
    world = world if deviation is None else skewed(world, deviation)
    alone, paired = held(world, draws)
    record_property("claim", f"mean dollars, {ISSUES} issues, {arms} arms, log sd {deviation}, {draws} draws")
    record_property("found", f"mean {alone.mean():.1%}, worst {alone.min():.1%}, pairs {paired.mean():.1%}")
    record_property("rule", f"mean 95 ± 2.5 %, every arm ≥ 92 % − {margin(draws):.1%}, pairs ≥ 93 %")
    assert abs(alone.mean() - 0.95) <= 0.025
    assert alone.min() >= 0.92 - margin(draws)
    assert paired.mean() >= 0.93


def test_student_t_is_found_too_narrow(size: Size, record_property: Record) -> None:
    """Wrong on purpose: the interval that does not know that costs are skewed."""
    draws = size.worlds(thin=40, full=600)
    shares = by_t(skewed(systems_table(51, arms=24), 1.2), draws)
    record_property("claim", f"Student's t of mean dollars is caught, {draws} draws")
    record_property("found", f"mean {shares.mean():.1%}, worst {shares.min():.1%}")
    record_property("rule", "mean below 92.5 %")
    assert shares.mean() < 0.925
