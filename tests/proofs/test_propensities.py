"""The stored inclusion probabilities are those of the draws, and nothing invalid is ever drawn."""

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from bench.experiment.space import SamplingInput, SamplingRule
from bench.experiment.strategies.sampling import joint_propensities, propensities, sample_arms
from bench.experiment.worst_case import ArmLimits, CostModel, arm_space
from planner.actions import JOB_TYPES, Action, JobType, all_cells, is_valid
from planner.space.baseline import baseline_action
from tests.proofs.conftest import Size

LIMITS = CostModel(0.01, 0.25, 2, 2, 30.0)
STRATEGIES: tuple[str, ...] = ("random", "coverage", "covering")
Record = Callable[[str, object], None]


def case(strategy: str, number: int, job_type: JobType = "code", k: int = 4) -> SamplingInput:
    """Case `number`; a covering case is the first of a bench of its own, so that cases are independent."""
    space = arm_space(job_type, LIMITS, ArmLimits())
    rule = SamplingRule(k, strategy, seed=number if strategy == "covering" else 5)
    return SamplingInput(f"i-{number}", space, baseline_action("low", "L", job_type), None, rule)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_realised_draws_agree_with_the_probabilities(
    strategy: str, size: Size, record_property: Record
) -> None:
    draws = size.worlds(1_500, 1_000_000)
    counts: Counter[Action] = Counter()
    pairs: Counter[tuple[Action, Action]] = Counter()
    for number in range(draws):
        arms = [arm.action for arm in sample_arms(case(strategy, number)).arms]
        counts.update(arms)
        pairs[arms[0], arms[-1]] += 1
    pi = {action: chance for action, chance in propensities(case(strategy, 0)).items() if 0 < chance < 1}
    # Negatively correlated draws scatter less than independent ones: the test errs on the strict side only.
    statistic = sum((counts[a] - draws * p) ** 2 / (draws * p * (1 - p)) for a, p in pi.items())
    chance = float(stats.chi2.sf(statistic, len(pi)))
    record_property("claim", f"{strategy}: {draws:,} draws agree with π")
    record_property("found", f"χ² p = {chance:.3f}")
    record_property("rule", "p > .001")
    assert chance > 0.001


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_what_is_invalid_has_no_chance_and_all_else_has_one(
    job_type: JobType, record_property: Record
) -> None:
    least = 1.0
    for strategy in STRATEGIES:
        for k in (2, 4, 8):
            pi = propensities(case(strategy, 0, job_type, k))
            assert [cell for cell in all_cells() if is_valid(cell, job_type)] == list(pi)
            least = min(least, *pi.values())
            drawn = {
                arm.action for n in range(60) for arm in sample_arms(case(strategy, n, job_type, k)).arms
            }
            assert all(is_valid(action, job_type) for action in drawn)
    record_property("claim", f"{job_type}: invalid cells π = 0, valid ones > 0")
    record_property("found", f"least π {least:.5f}")
    record_property("rule", "> 0")
    assert least > 0


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_joint_probabilities_add_up_to_the_arms_of_a_case(strategy: str, record_property: Record) -> None:
    asked = case(strategy, 0, k=5)
    actions = asked.space.actions
    joint = joint_propensities(asked, actions)
    arms = np.array([len(sample_arms(case(strategy, n, k=5)).arms) for n in range(400)])
    # Σ_ab π(a, b) is the mean of the squared number of arms.
    off = abs(float(joint.sum()) - float((arms**2).mean()))
    record_property("claim", f"{strategy}: Σπ(a, b) is E[arms²]")
    record_property("found", f"off by {off:.2g}")
    record_property("rule", "0 where the number of arms is fixed")
    assert math.isclose(float(np.trace(joint)), float(arms.mean()), abs_tol=0.15)
    assert off < (1e-9 if (arms == arms[0]).all() else 0.5)
