"""The covering strategy covers every pair, and its inclusion probabilities are those of its random decks."""

import itertools
import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bench.experiment.covering import CoveringDesign, covering_rows, window_at
from bench.experiment.space import ArmSpace, SamplingInput, SamplingRule
from bench.experiment.strategies.covering import slots_to_deal
from bench.experiment.strategies.sampling import joint_propensities, propensities, sample_arms
from bench.experiment.worst_case import ArmLimits, CostModel, arm_space
from planner.actions import JOB_TYPES, Action, JobType, valid_actions
from planner.space.baseline import baseline_action

LIMITS = CostModel(0.01, 0.25, 2, 2, 30.0)


def pairs(action: Action) -> set[tuple[object, ...]]:
    return {(i, action[i], j, action[j]) for i, j in itertools.combinations(range(4), 2)}


def case_at(
    job_type: JobType, dealt: int, k: int = 4, seed: int = 3, *, forced: bool = True
) -> SamplingInput:
    space = arm_space(job_type, LIMITS, ArmLimits())
    rule = SamplingRule(k, "covering", seed, include_baseline=forced)
    return SamplingInput(f"i-{dealt}", space, baseline_action("low", "M", job_type), None, rule, dealt)


@pytest.mark.parametrize(("job_type", "fewest"), [("code", 25), ("fab-asset", 30), ("fab-world", 30)])
def test_the_rows_cover_every_coverable_pair_and_are_few(job_type: JobType, fewest: int) -> None:
    rows = covering_rows(valid_actions(job_type))
    assert set().union(*map(pairs, rows)) == set().union(*map(pairs, valid_actions(job_type)))
    assert len(rows) == fewest
    assert len(set().union(*map(pairs, valid_actions("fab-asset")))) == 101


@pytest.mark.parametrize("job_type", JOB_TYPES)
@pytest.mark.parametrize("seed", range(5))
def test_a_bench_with_slots_enough_covers_every_pair(job_type: JobType, seed: int) -> None:
    dealt, tried = 0, set()
    while dealt < len(covering_rows(valid_actions(job_type))):
        case = case_at(job_type, dealt, seed=seed)
        tried |= {arm.action for arm in sample_arms(case).arms}
        dealt += slots_to_deal(case)
    assert set().union(*map(pairs, tried)) == set().union(*map(pairs, valid_actions(job_type)))


def test_cases_of_one_deck_get_different_rows() -> None:
    arms = [sample_arms(case_at("code", dealt, 5, forced=False)).arms for dealt in range(0, 25, 5)]
    assert len({arm.action for case in arms for arm in case}) == 25


SPACES = [
    # A full product, one with a hole, and one without any symmetry.
    [(s, c, m) for s, c in ((0, 1), (1, 2)) for m in (15, 30, 45)],
    [(0, 1, 15), (0, 1, 30), (1, 1, 15), (1, 2, 15), (1, 2, 30), (1, 3, 15), (1, 3, 30)],
    [(0, 1, 15), (1, 1, 30), (1, 2, 30), (1, 2, 45)],
]


@pytest.mark.parametrize("cells", SPACES)
@pytest.mark.parametrize("sizes", [(2,), (3,), (1, 2), (2, 2)])
def test_inclusion_probabilities_equal_full_enumeration_of_the_decks(
    cells: list[tuple[int, int, int]], sizes: tuple[int, ...]
) -> None:
    swarms = ("serial_handoff", "speculate_vote")
    actions = tuple(Action(swarms[s], c, m, "NA") for s, c, m in cells)
    covering = CoveringDesign(actions, (), (), actions, tuple("all" for _ in actions), (), sizes)
    decks = list(every_deck(actions))
    single: Counter[Action] = Counter()
    both: Counter[tuple[Action, ...]] = Counter()
    for parts in itertools.product(*(windows(decks, size) for size in sizes)):
        taken = set().union(*(set(part) for part, _ in parts))
        chance = math.prod((share for _, share in parts), start=Fraction(1))
        single.update(dict.fromkeys(taken, chance))
        both.update(dict.fromkeys(itertools.product(taken, repeat=2), chance))
    assert covering.propensities() == pytest.approx([float(single[a]) for a in actions], abs=1e-12)
    expected = np.array([[float(both[a, b]) for b in actions] for a in actions])
    assert covering.joint() == pytest.approx(expected, abs=1e-12)


def every_deck(actions: tuple[Action, ...]) -> list[tuple[Action, ...]]:
    """The images of the rows under all permutations of values that map the actions onto themselves."""
    fields = [list(dict.fromkeys(action[i] for action in actions)) for i in range(3)]
    decks = []
    for orders in itertools.product(*(itertools.permutations(values) for values in fields)):
        maps = [dict(zip(values, order, strict=True)) for values, order in zip(fields, orders, strict=True)]

        def moved(action: Action, maps: list[dict[Any, Any]] = maps) -> Action:
            swarm, candidates, minutes = (m[v] for m, v in zip(maps, action[:3], strict=True))
            return Action(swarm, candidates, minutes, "NA")

        if {moved(action) for action in actions} == set(actions):
            decks.append(tuple(moved(row) for row in covering_rows(actions)))
    return decks


def windows(decks: list[tuple[Action, ...]], size: int) -> list[tuple[tuple[Action, ...], Fraction]]:
    """Every set of rows that `size` rows of a shuffled deck can be."""
    ways = [part for deck in decks for part in itertools.combinations(deck, size)]
    counted = Counter(tuple(sorted(way, key=str)) for way in ways)
    return [(way, Fraction(count, len(ways))) for way, count in counted.items()]


@pytest.mark.parametrize(("job_type", "dealt"), [("code", 0), ("code", 23), ("fab-asset", 28)])
def test_realised_counts_agree_by_chi_square_over_seeds(job_type: JobType, dealt: int) -> None:
    benches, counts = 1_500, Counter[Action]()
    for seed in range(benches):
        counts.update(arm.action for arm in sample_arms(case_at(job_type, dealt, seed=seed)).arms)
    pi = propensities(case_at(job_type, dealt))
    free = {action: chance for action, chance in pi.items() if chance < 1}
    assert min(free.values()) > 0
    statistic = sum((counts[a] - benches * p) ** 2 / (benches * p * (1 - p)) for a, p in free.items())
    assert statistic < len(free) + 5 * math.sqrt(2 * len(free))


def test_a_time_limit_leaves_arms_out_and_marks_the_estimates() -> None:
    actions = tuple(valid_actions("code"))
    cost = {action: 10 + number for number, action in enumerate(actions)}
    space = ArmSpace("code", actions, cost, cost, 60)
    case = SamplingInput("i", space, actions[2], None, SamplingRule(4, "covering"), 23)
    sampled = sample_arms(case)
    assert sum(cost[arm.action] for arm in sampled.arms) <= 60
    assert {arm.propensity_kind for arm in sampled.arms if not arm.is_baseline} == {"estimated"}
    joint = joint_propensities(case, actions)
    assert np.diagonal(joint) == pytest.approx(list(propensities(case).values()), abs=1e-4)


def test_a_window_goes_on_in_the_next_deck() -> None:
    assert window_at(23, 4, 25) == ((0, 23, 2), (1, 0, 2))
    assert window_at(25, 0, 25) == ()
    assert window_at(5, 12, 5) == ((1, 0, 5), (2, 0, 5), (3, 0, 2))
