"""One suite for every sampling strategy: the promises of `bench.experiment.strategies.contract.Strategy`."""

import hashlib
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest

from bench.cli.submit import submit
from bench.config.models import BenchConfig
from bench.config.template import example_config_text
from bench.errors import BenchError
from bench.experiment.space import ArmSpace, SamplingInput, SamplingRule
from bench.experiment.strategies.contract import Strategy
from bench.experiment.strategies.registry import STRATEGIES, get_strategy
from bench.experiment.strategies.sampling import (
    design_document,
    joint_propensities,
    propensities,
    sample_arms,
)
from bench.experiment.streams import Stream
from bench.submit.racing import new_race
from planner.actions import Action, canonical_rank, valid_actions

NAMES = ("deterministic", "random", "coverage", "covering", "anchor", "racing")
"""Every registered strategy: a new one is added here."""
CODE = tuple(valid_actions("code"))
BASELINE, EXECUTED = CODE[1], CODE[7]
DRAWS = 1_000
SIGMAS = 4.5
"""Allowed deviation of a frequency; its seeds are fixed, so that the test is deterministic."""


@pytest.fixture(params=NAMES)
def strategy(request: pytest.FixtureRequest) -> Strategy:
    return get_strategy(request.param)


def small_space(max_total_ms: int | None = None) -> ArmSpace:
    """Nine real actions of both topologies, with worst cases of 1 to 9 ms."""
    actions = (*CODE[:4], *CODE[6:11])
    cost = {action: 1 + number for number, action in enumerate(actions)}
    return ArmSpace("code", actions, cost, cost, max_total_ms)


SPACE, LIMITED = small_space(), (small_space(9), small_space(18))


def bench(
    strategy: Strategy,
    count: int = 1,
    *,
    space: ArmSpace = SPACE,
    k: int = 4,
    seed: int = 7,
    executed: Action | None = None,
    baseline: bool = True,
) -> list[SamplingInput]:
    """The cases of one bench, prepared, admitted in their order."""
    rule = SamplingRule(k, strategy.name, seed, include_baseline=baseline)
    cases = [SamplingInput(f"i-{seed}-{n}", space, BASELINE, executed, rule) for n in range(count)]
    return strategy.prepare(cases, {case.issue_id: rank for rank, case in enumerate(cases)})


def benches(strategy: Strategy, limits: Sequence[ArmSpace] = LIMITED) -> Iterator[SamplingInput]:
    """Cases of many kinds: K, included actions, seeds; few with a limit, as their probabilities may take time."""
    for k, baseline, executed, seed in itertools.product((2, 4, 6), (True, False), (None, EXECUTED), (1, 2)):
        yield from bench(strategy, 3, k=k, seed=seed, executed=executed, baseline=baseline)
    for space in limits:
        yield from bench(strategy, space=space)


def test_the_suite_runs_over_every_registered_strategy() -> None:
    assert tuple(STRATEGIES) == NAMES
    assert all(strategy.name == name for name, strategy in STRATEGIES.items())


def test_command_line_config_and_template_offer_the_registered_strategies() -> None:
    choice = next(option.type for option in submit.params if option.name == "strategy")
    assert isinstance(choice, click.Choice)
    assert tuple(choice.choices) == NAMES
    assert f"# {' | '.join(NAMES)}\n" in example_config_text()
    assert "{" + "strategies}" not in example_config_text()
    for name in NAMES:
        config = BenchConfig.model_validate({"action_sampling": {"strategy": name}}, strict=True)
        assert config.document()["action_sampling"]["strategy"] == name


def test_an_unknown_strategy_is_refused_in_one_line() -> None:
    with pytest.raises(BenchError) as refused:
        get_strategy("nosuch")
    assert str(refused.value) == f"unknown strategy 'nosuch'; known are {', '.join(NAMES)}"


def test_the_version_is_the_name_and_a_number_and_both_are_stored(strategy: Strategy) -> None:
    name, _, number = strategy.version.rpartition(".")
    assert (name, number.isdecimal()) == (strategy.name, True)
    (case,) = bench(strategy)
    stored = design_document(case, sample_arms(case))
    assert (stored["strategy"], stored["strategy_version"]) == (strategy.name, strategy.version)


def test_arms_are_allowed_actions_each_once_in_canonical_order(strategy: Strategy) -> None:
    for case in benches(strategy):
        ranks = [canonical_rank(arm.action) for arm in sample_arms(case).arms]
        assert ranks == sorted(set(ranks))
        assert {arm.action for arm in sample_arms(case).arms} <= set(case.space.actions)


def test_a_case_has_k_arms_or_all_and_else_a_note(strategy: Strategy) -> None:
    for case in benches(strategy):
        sampled = sample_arms(case)
        wanted = case.rule.k if strategy.uses_k else len(case.space.actions)
        assert len(sampled.arms) <= wanted
        assert len(sampled.arms) == wanted or sampled.note is not None


def test_arms_fit_the_time_limit_of_a_case(strategy: Strategy) -> None:
    for case in benches(strategy):
        limit = case.space.max_total_ms
        used = sum(case.space.arm_ms[arm.action] for arm in sample_arms(case).arms)
        assert limit is None or used <= limit


def test_included_actions_are_certain(strategy: Strategy) -> None:
    for case in bench(strategy, 3, executed=EXECUTED):
        arms = {arm.action: arm for arm in sample_arms(case).arms}
        assert (arms[BASELINE].propensity, arms[BASELINE].stratum) == (1, "baseline")
        if not strategy.races:
            assert (arms[EXECUTED].propensity, arms[EXECUTED].stratum) == (1, "executed")


@pytest.mark.parametrize(
    ("space", "k", "word"),
    [(SPACE, 0, "K"), (SPACE, 10, "K"), (replace(SPACE, actions=()), 4, "max_minutes_per_candidate|K")],
)
def test_a_rule_that_cannot_be_met_is_refused_in_one_line(
    strategy: Strategy, space: ArmSpace, k: int, word: str
) -> None:
    if k == 10 and not strategy.uses_k:
        assert len(sample_arms(bench(strategy, k=k)[0]).arms) == len(SPACE.actions)
        return
    with pytest.raises(BenchError, match=word) as refused:
        sample_arms(bench(strategy, space=space, k=k)[0])
    assert "\n" not in str(refused.value)


def test_the_order_of_the_backlog_and_other_calls_change_nothing(strategy: Strategy) -> None:
    rule = SamplingRule(4, strategy.name, 3)
    cases = [SamplingInput(f"i-{n}", SPACE, BASELINE, None, rule) for n in range(8)]
    ranks = {case.issue_id: rank for rank, case in enumerate(cases)}
    forward, backward = strategy.prepare(cases, ranks), strategy.prepare(cases[::-1], ranks)[::-1]
    assert forward == backward
    drawn = [sample_arms(case) for case in forward]
    assert [sample_arms(case) for case in backward[::-1]][::-1] == drawn


def test_another_seed_draws_other_arms_where_there_is_chance(strategy: Strategy) -> None:
    drawn = {sample_arms(bench(strategy, seed=seed)[0]).arms for seed in range(20)}
    assert (len(drawn) > 1) == (strategy.races or (strategy.is_randomised(False) and strategy.uses_k))


def test_no_bench_at_all_is_prepared_to_nothing(strategy: Strategy) -> None:
    assert strategy.prepare([], {}) == []


def test_cases_that_look_the_same_share_one_design(strategy: Strategy) -> None:
    (case,) = bench(strategy)
    assert strategy.design(replace(case, issue_id="another")) is strategy.design(case)


def test_free_and_certain_actions_are_the_allowed_ones(strategy: Strategy) -> None:
    for case in benches(strategy):
        design = strategy.design(case)
        assert len(design.forced) == len(design.forced_strata)
        assert len(design.free) == len(design.strata)
        assert list(design.free) == [action for action in case.space.actions if action not in design.forced]
        assert set(design.forced) <= set(case.space.actions)


def test_joint_probabilities_are_symmetric_and_within_their_bounds(strategy: Strategy) -> None:
    for case in benches(strategy):
        pi, actions = propensities(case), case.space.actions
        assert list(pi) == list(actions)
        joint, single = joint_propensities(case, actions), np.array(list(pi.values()))
        assert joint == pytest.approx(joint.T)
        assert np.diagonal(joint) == pytest.approx(single)
        assert (joint <= np.minimum(single[:, None], single[None, :]) + 1e-4).all()
        assert (joint >= single[:, None] + single[None, :] - 1 - 1e-4).all()


def test_every_arm_had_the_chance_that_the_design_states(strategy: Strategy) -> None:
    for case in benches(strategy):
        pi = propensities(case)
        for arm in sample_arms(case).arms:
            assert 0 < arm.propensity == pi[arm.action] <= 1


def assert_agree(observed: np.ndarray, stated: np.ndarray) -> None:
    error = np.sqrt(stated * (1 - stated) / DRAWS)
    assert (np.abs(observed - stated) <= SIGMAS * error + 1e-9).all()


def test_realised_frequencies_agree_with_the_stated_probabilities(strategy: Strategy) -> None:
    """Over as many seeds, each a bench of its own: how often two actions were arms of the same case."""
    observed, stated = np.zeros((2, len(SPACE.actions), len(SPACE.actions)))
    number = {action: index for index, action in enumerate(SPACE.actions)}
    for seed in range(DRAWS):
        (case,) = bench(strategy, seed=seed)
        arms = [number[arm.action] for arm in sample_arms(case).arms]
        observed[np.ix_(arms, arms)] += 1 / DRAWS
        stated += joint_propensities(case, SPACE.actions) / DRAWS
    assert_agree(observed, np.clip(stated, 0, 1))


def test_where_nothing_is_random_every_draw_is_the_design(strategy: Strategy) -> None:
    for case in benches(strategy):
        limited = case.space.max_total_ms is not None
        if not strategy.is_randomised(limited):
            certain = {action for action, chance in propensities(case).items() if chance == 1}
            assert certain == {arm.action for arm in sample_arms(case).arms}


def test_fresh_draws_of_a_design_follow_its_probabilities(strategy: Strategy) -> None:
    (case,) = bench(strategy)
    design, stream = strategy.design(case), Stream("fresh", strategy.name)
    counts, values = np.zeros((len(design.free),) * 2), [3 + n for n in range(len(design.free))]
    for _ in range(DRAWS):
        drawn = design.draw(stream)
        assert len(set(drawn)) == len(drawn)
        assert sum(values[position] for position in drawn) <= design.most(values)
        counts[np.ix_(drawn, drawn)] += 1
    assert np.diagonal(design.joint()).tolist() == pytest.approx(design.propensities())
    assert_agree(counts / DRAWS, design.joint())


def test_under_a_limit_the_probabilities_still_are_those_of_the_draws(strategy: Strategy) -> None:
    """Estimated ones have a standard error of their own, of 20,000 draws for each seed."""
    space = LIMITED[1]
    (case,) = bench(strategy, space=space)
    kinds = {arm.propensity_kind for arm in sample_arms(case).arms}
    assert (kinds == {"deterministic"}) == (not strategy.is_randomised(True))
    if not strategy.is_randomised(True):
        return
    counts = np.zeros((len(space.actions),) * 2)
    number = {action: index for index, action in enumerate(space.actions)}
    stream, design = Stream("limited", strategy.name), strategy.design(case)
    for _ in range(DRAWS):
        left, kept = 18, []
        for action in (*design.forced, *(design.free[position] for position in design.draw(stream))):
            if space.arm_ms[action] <= left:
                left -= space.arm_ms[action]
                kept.append(number[action])
        counts[np.ix_(kept, kept)] += 1
    stated = joint_propensities(case, space.actions)
    assert_agree(counts / DRAWS, np.clip(stated, 0, 1))


def test_a_race_tries_the_same_arms_in_every_case_and_leaves_nothing_to_chance(strategy: Strategy) -> None:
    cases = bench(strategy, 5, executed=EXECUTED)
    assert (new_race(cases) is not None) == strategy.races
    if strategy.races:
        assert not strategy.is_randomised(False)
        assert len({tuple(arm.action for arm in sample_arms(case).arms) for case in cases}) == 1
        (racers,) = {case.rule.racers for case in cases}
        assert racers
        assert set(racers) <= {arm.action for arm in sample_arms(cases[0]).arms}


def fingerprint() -> str:
    """A hash over all that each strategy draws."""
    drawn = [repr(sample_arms(case)) for name in NAMES for case in benches(get_strategy(name), ())]
    return hashlib.sha256("\n".join(drawn).encode()).hexdigest()


def test_another_process_draws_the_same_arms() -> None:
    root = Path(__file__).resolve().parents[2]
    code = "from tests.contracts.test_strategies import fingerprint; print(fingerprint())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    assert done.stdout.strip() == fingerprint()
