"""The models behind arm estimates do what their formulas say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime

from bench.statistics import pass_model
from bench.statistics.arms import Arms, arms_of
from bench.statistics.components import Variances
from bench.statistics.errors import NotIdentifiedError
from bench.statistics.normal_model import draw_values, expected_order, fit_normal_model
from bench.statistics.posterior import draw, is_binary, posterior, share_of_best
from tests.proofs.winner_worlds import gaussian_world, winner_world


def passes(**how: Any) -> Arms:
    table = winner_world(2, **how).table()
    return arms_of(table, table.passed)


def values(**how: Any) -> Arms:
    table = gaussian_world(2, **how).table()
    return arms_of(table, table.minutes)


def test_the_gradient_is_that_of_the_likelihood() -> None:
    counts = pass_model._count(passes(issues=15, replicates=3))
    parameters = np.array([0.3, -0.2, 1.5, *np.linspace(-0.5, 0.5, 6)])
    numeric = approx_fprime(parameters, lambda x: pass_model._objective(x, counts)[0], 1e-6)
    assert pass_model._objective(parameters, counts)[1] == pytest.approx(numeric, abs=1e-3)
    assert -pass_model._scores(parameters, counts).sum(axis=0) == pytest.approx(numeric, abs=1e-3)


def test_without_spread_between_issues_the_likelihood_is_beta_binomial() -> None:
    arms = passes(issues=10, replicates=3)
    counts = pass_model._count(arms)
    parameters = np.array([0.4, -30.0, 1.2, *np.zeros(6)])
    mean, precision = 1 / (1 + np.exp(-0.4)), np.exp(1.2)
    passed = np.rint(arms.mean * arms.runs)
    ways = np.log(np.where((passed == 0) | (passed == 3), 1, 3)).sum()
    expected = stats.betabinom.logpmf(passed, 3, precision * mean, precision * (1 - mean)).sum() - ways
    assert -pass_model._objective(parameters, counts)[0] == pytest.approx(expected)


def test_arms_are_shrunk_towards_what_is_expected_and_less_with_more_runs() -> None:
    gaps = []
    for replicates in (2, 12):
        arms = passes(issues=80, replicates=replicates, precision=6.0)
        mean = posterior(arms, seed=1, fits=20, each=5).mean
        top = arms.mean == 1.0
        assert (mean[top] < 1.0).all()
        gaps.append((1 - mean[top]).mean())
    assert gaps[1] < gaps[0]


def test_equal_arms_are_believed_to_be_alike_and_different_ones_are_not() -> None:
    alike = pass_model.fit_pass_model(passes(issues=200, replicates=3, effect=0.0, precision=np.inf))
    different = pass_model.fit_pass_model(passes(issues=200, replicates=3, precision=5.0))
    assert alike.chance_alike > 0.3
    assert different.chance_alike < 0.001


def test_normal_draws_are_those_of_the_joint_normal() -> None:
    arms = values(issues=12, replicates=2, within=1.0, interaction=0.6, issue=0.8)
    parts = Variances(1.0, 0.6, 0.8, 0.4)
    model = fit_normal_model(arms, parts)
    same_issue = arms.issue[:, None] == arms.issue
    same_action = arms.action[:, None] == arms.action
    flat = 1e6
    true = flat + parts.issue * same_issue + parts.action * same_action + parts.interaction * np.eye(72)
    whole = true + np.diag(parts.within / arms.runs)
    expected = true @ np.linalg.solve(whole, arms.mean)
    spread = np.sqrt(np.diag(true - true @ np.linalg.solve(whole, true)))
    draws = draw_values(model, arms, np.random.default_rng(1), 20_000)
    assert draws.mean(axis=0) == pytest.approx(expected, abs=0.03)
    assert draws.std(axis=0) == pytest.approx(spread, rel=0.04)


def test_an_arm_without_runs_stands_at_what_its_action_lets_expect() -> None:
    arms = values(issues=40, replicates=3, within=1.0, interaction=0.5, issue=1.0)
    model = fit_normal_model(arms)
    none = expected_order(model, arms.issue, arms.action, np.zeros_like(arms.runs), arms.mean)
    assert none == pytest.approx(model.parameters[1:][arms.action])


def test_single_runs_support_no_belief() -> None:
    with pytest.raises(NotIdentifiedError, match="replicates: 2"):
        draw(passes(issues=5, replicates=1), seed=1)


def test_equal_arms_share_the_first_place() -> None:
    shares = share_of_best(np.array([[1.0, 1.0, 0.0, 2.0, 3.0]]), np.array([0, 0, 0, 1, 1]))
    assert shares.tolist() == [[0.5, 0.5, 0.0, 0.0, 1.0]]


def test_passes_are_told_from_other_values() -> None:
    arms = passes(issues=5, replicates=2)
    assert is_binary(arms)
    assert not is_binary(replace(arms, mean=arms.mean + 0.1))
