"""Arms are drawn as the strategies say, with the probabilities that are stored."""

import hashlib
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.experiment.replicates import admission_ranks, expand_replicates
from bench.experiment.slot_design import SlotDesign
from bench.experiment.space import ArmSpace, SampledCase, SamplingInput, SamplingRule
from bench.experiment.strategies.registry import get_strategy
from bench.experiment.strategies.sampling import (
    design_document,
    joint_propensities,
    propensities,
    sample_arms,
)
from bench.experiment.worst_case import ArmLimits, CostModel, arm_space
from bench.results.stored_design import swaps_of
from planner.actions import JOB_TYPES, Action, JobType, canonical_rank, is_valid, valid_actions
from planner.space.baseline import baseline_action

LIMITS = CostModel(0.01, 0.25, 2, 2, 30.0)
CODE = arm_space("code", LIMITS, ArmLimits())
BASELINE = baseline_action("medium", "M", "code")
COVERAGE = SamplingRule(4, "coverage")


def draw(
    issue: str = "i-1",
    space: ArmSpace = CODE,
    rule: SamplingRule = COVERAGE,
    baseline: Action = BASELINE,
    executed: Action | None = None,
) -> SampledCase:
    return sample_arms(SamplingInput(issue, space, baseline, executed, rule))


def small_space(speculate: int, serial: int, max_total_ms: int | None = None) -> ArmSpace:
    """A few real actions with worst cases 1, 2, 3 … in canonical order inside each topology."""
    valid = valid_actions("code")
    actions = (*valid[:serial], *valid[6 : 6 + speculate])
    cost = {action: 1 + rank for rank, action in enumerate(valid)}
    return ArmSpace("code", actions, cost, cost, max_total_ms)


def every_draw(design: SlotDesign) -> Iterator[tuple[Fraction, tuple[int, ...]]]:
    """All draws of a design, each with its exact probability, computed from the definition."""
    weights = sum(plan.weight for plan in design.plans)
    for plan in design.plans:
        for picks in itertools.product(*plan.slots):
            left = [position for position in range(len(design.free)) if position not in picks]
            ways = list(itertools.permutations(left, plan.pool))
            chance = Fraction(plan.weight, weights * math.prod(map(len, plan.slots)) * len(ways))
            for extra in ways:
                yield chance, (*picks, *extra)


def by_enumeration(case: SamplingInput) -> dict[Action, float]:
    chances: Counter[Action] = Counter()
    for chance, arms in every_case(case):
        chances.update(dict.fromkeys(arms, chance))
    return {action: float(chances[action]) for action in case.space.actions}


def pairs_by_enumeration(case: SamplingInput) -> dict[tuple[Action, Action], float]:
    chances: Counter[tuple[Action, ...]] = Counter()
    for chance, arms in every_case(case):
        chances.update(dict.fromkeys(itertools.product(arms, repeat=2), chance))
    actions = case.space.actions
    return {(a, b): float(chances[a, b]) for a, b in itertools.product(actions, actions)}


def every_case(case: SamplingInput) -> Iterator[tuple[Fraction, list[Action]]]:
    """All ways a case can come out, each with its exact probability."""
    design = get_strategy(case.rule.strategy).design(case)
    assert isinstance(design, SlotDesign)
    budget = case.space.max_total_ms
    for chance, positions in every_draw(design):
        left = math.inf if budget is None else budget
        kept = []
        for action in (*design.forced, *(design.free[position] for position in positions)):
            if case.space.arm_ms[action] <= left:
                left -= case.space.arm_ms[action]
                kept.append(action)
        yield chance, kept


SMALL_SHAPES = [
    (speculate, serial, k, baseline, executed, include)
    for speculate, serial in [(4, 4), (0, 6), (5, 1), (1, 3), (3, 3)]
    for k in (1, 2, 3, 4)
    for baseline in (0, 2)
    for executed in (None, 1)
    for include in (True, False)
    if k <= speculate + serial
]


@pytest.mark.parametrize("strategy", ["random", "coverage", "deterministic", "anchor"])
def test_propensities_equal_full_enumeration_on_small_spaces(strategy: str) -> None:
    for speculate, serial, k, baseline, executed, include in SMALL_SHAPES:
        space = small_space(speculate, serial)
        base = space.actions[baseline % len(space.actions)]
        other = None if executed is None else space.actions[executed]
        case = SamplingInput("i", space, base, other, SamplingRule(k, strategy, include_baseline=include))
        sampled, expected = propensities(case), by_enumeration(case)
        assert sampled == pytest.approx(expected, abs=1e-12)
        assert math.fsum(sampled.values()) == pytest.approx(len(sample_arms(case).arms), abs=1e-9)


def test_propensities_under_a_time_limit_equal_enumeration_where_every_draw_is_from_a_stratum() -> None:
    for total, k in itertools.product((3, 9, 14, 22, 40), (2, 3, 4)):
        space = small_space(4, 4, total)
        case = SamplingInput("i", space, space.actions[2], None, SamplingRule(k, "coverage"))
        assert {arm.propensity_kind for arm in sample_arms(case).arms} == {"exact"}
        assert propensities(case) == pytest.approx(by_enumeration(case), abs=1e-12)


@pytest.mark.parametrize("strategy", ["random", "coverage", "deterministic"])
@pytest.mark.parametrize("total", [None, 14, 22])
def test_joint_propensities_equal_full_enumeration(strategy: str, total: int | None) -> None:
    for speculate, serial, k in itertools.product((0, 3, 4), (3, 4), (2, 3, 4)):
        if k > speculate + serial or (k == 4 and total and strategy == "random"):
            continue
        space = small_space(speculate, serial, total)
        case = SamplingInput("i", space, space.actions[2], None, SamplingRule(k, strategy))
        exact = {arm.propensity_kind for arm in sample_arms(case).arms} <= {"exact", "deterministic"}
        sampled = joint_propensities(case, space.actions)
        expected = pairs_by_enumeration(case)
        values = np.array([[expected[a, b] for b in space.actions] for a in space.actions])
        assert sampled == pytest.approx(values, abs=1e-12 if exact else 0.02)


def test_propensities_under_a_time_limit_are_estimated_and_marked_where_there_is_no_closed_form() -> None:
    space = small_space(4, 4, 20)
    case = SamplingInput("i", space, space.actions[2], None, SamplingRule(4, "random"))
    kinds = {arm.is_baseline: arm.propensity_kind for arm in sample_arms(case).arms}
    assert kinds == {True: "exact", False: "estimated"}
    assert propensities(case) == pytest.approx(by_enumeration(case), abs=0.02)


@pytest.mark.parametrize("strategy", ["random", "coverage"])
@pytest.mark.parametrize(("job_type", "k"), [("code", 3), ("code", 7), ("fab-asset", 5)])
def test_realised_counts_agree_with_propensities_by_chi_square(
    strategy: str, job_type: JobType, k: int
) -> None:
    space = arm_space(job_type, LIMITS, ArmLimits())
    rule = SamplingRule(k, strategy, seed=7)
    baseline = baseline_action("low", "L", job_type)
    cases = 6_000
    counts: Counter[Action] = Counter()
    for number in range(cases):
        arms = draw(f"issue-{number}", space, rule, baseline).arms
        assert len({arm.action for arm in arms}) == k
        counts.update(arm.action for arm in arms)
    pi = propensities(SamplingInput("i", space, baseline, None, rule))
    free = {action: chance for action, chance in pi.items() if 0 < chance < 1}
    assert all(counts[action] == cases * chance for action, chance in pi.items() if chance in (0, 1))
    statistic = sum((counts[a] - cases * p) ** 2 / (cases * p * (1 - p)) for a, p in free.items())
    # Mean ≈ cells, standard deviation ≈ √(2·cells): five of them is p < .001 even for few cells.
    assert statistic < len(free) + 5 * math.sqrt(2 * len(free))


def test_coverage_takes_the_baseline_another_topology_a_cheaper_and_a_dearer_arm() -> None:
    for number in range(200):
        case = draw(f"i-{number}")
        strata = {arm.stratum: arm.action for arm in case.arms}
        assert set(strata) == {"baseline", "other_topology", "cheaper", "dearer"}
        assert strata["other_topology"].swarm_id != BASELINE.swarm_id
        worst = CODE.worst_case
        assert worst(strata["cheaper"]) < worst(BASELINE) < worst(strata["dearer"])


def chances_by_stratum(k: int, size: str, executed: Action | None = None) -> dict[str, set[float]]:
    """π of the arms of many draws, by stratum."""
    chances: dict[str, set[float]] = {}
    baseline = baseline_action("low", size, "code")
    for number in range(300):
        for arm in draw(f"i-{number}", rule=SamplingRule(k), baseline=baseline, executed=executed).arms:
            chances.setdefault(arm.stratum, set()).add(arm.propensity)
    return chances


def test_coverage_propensities_are_those_worked_out_by_hand() -> None:
    # Baseline serial 45m: 24 speculate actions; 15m, 30m and NA (30m here) cheaper; 60m and 120m dearer.
    assert chances_by_stratum(1, "M") == {"baseline": {1.0}}
    # One slot for three strata: nine times in ten another topology, else any of the 29.
    chances = chances_by_stratum(2, "M")
    assert list(chances.pop("baseline")) == [1.0]
    assert list(chances.pop("other_topology")) == pytest.approx([0.9 / 24 + 0.1 / 29])
    assert {name: list(values) for name, values in chances.items()} == {
        name: pytest.approx([0.1 / 29]) for name in ("cheaper", "dearer")
    }
    assert chances_by_stratum(3, "M") == {
        "baseline": {1.0},
        "other_topology": {1 / 24},
        "cheaper": {1 / 6},
        "dearer": {1 / 4},
    }
    assert chances_by_stratum(4, "M") == {
        "baseline": {1.0},
        "other_topology": {1 / 24},
        "cheaper": {1 / 3},
        "dearer": {1 / 2},
    }
    # A fifth slot goes to any of the 26 actions left: 23 + 2 + 1.
    fifth = chances_by_stratum(5, "M")
    assert list(fifth["other_topology"]) == pytest.approx([1 / 24 + 23 / 24 / 26])
    assert list(fifth["cheaper"]) == pytest.approx([1 / 3 + 2 / 3 / 26])
    assert list(fifth["dearer"]) == pytest.approx([1 / 2 + 1 / 2 / 26])


def test_same_topology_at_equal_cost_is_the_last_stratum() -> None:
    # Baseline serial 30m, and NA runs 30m too: nothing tells them apart but the name.
    without = chances_by_stratum(4, "S")
    assert list(without["rest"]) == pytest.approx([0.1 / 4])
    assert list(without["dearer"]) == pytest.approx([0.9 / 3 + 0.1 / 4])
    assert chances_by_stratum(5, "S")["rest"] == {1.0}


def test_a_certain_executed_action_leaves_its_stratum() -> None:
    executed = Action("speculate_vote", 3, 15, "NA")
    chances = chances_by_stratum(5, "M", executed)
    assert chances["executed"] == {1.0}
    assert chances["other_topology"] == {1 / 23}
    assert chances["cheaper"] == {1 / 3}


def test_with_three_slots_cheaper_or_dearer_is_a_fair_coin() -> None:
    seen = Counter(
        arm.stratum for number in range(2_000) for arm in draw(f"i-{number}", rule=SamplingRule(3)).arms
    )
    assert seen["cheaper"] + seen["dearer"] == 2_000
    assert abs(seen["cheaper"] - 1_000) < 5 * math.sqrt(500)


def test_an_empty_stratum_gives_its_slot_to_the_rest() -> None:
    space = small_space(3, 3)
    cheapest = space.actions[0]
    strata = [arm.stratum for arm in draw(space=space, rule=SamplingRule(4), baseline=cheapest).arms]
    assert sorted(strata) == ["baseline", "dearer", "dearer", "other_topology"] or sorted(strata) == [
        "baseline",
        "dearer",
        "other_topology",
        "other_topology",
    ]


def test_where_work_is_free_cheaper_means_less_worker_time() -> None:
    free = arm_space("code", CostModel(0, 0, 2, 2, 30.0), ArmLimits())
    assert {arm.stratum for arm in draw(space=free).arms} == {
        "baseline",
        "other_topology",
        "cheaper",
        "dearer",
    }


def test_deterministic_is_the_first_k_and_marked_so() -> None:
    rule = SamplingRule(4, "deterministic", include_baseline=False)
    arms = draw(rule=rule).arms
    assert [arm.action for arm in arms] == list(valid_actions("code")[:4])
    assert {arm.propensity_kind for arm in arms} == {"deterministic"}
    assert {arm.propensity for arm in arms} == {1.0}
    assert set(propensities(SamplingInput("i", CODE, BASELINE, None, rule)).values()) == {0.0, 1.0}


def test_anchor_takes_every_valid_action_whatever_k_is() -> None:
    arms = draw(rule=SamplingRule(1_000, "anchor")).arms
    assert [arm.action for arm in arms] == list(valid_actions("code"))
    assert all(arm.propensity == 1.0 and arm.propensity_kind == "exact" for arm in arms)


@pytest.mark.parametrize("strategy", ["deterministic", "random", "coverage", "anchor"])
def test_baseline_and_executed_are_certain_and_count_within_k(strategy: str) -> None:
    executed = Action("speculate_vote", "NA", "NA", "NA")
    arms = draw(rule=SamplingRule(2, strategy), executed=executed).arms
    assert len(arms) == (30 if strategy == "anchor" else 2)
    certain = {arm.action: arm for arm in arms if arm.is_baseline or arm.is_executed}
    assert set(certain) == {BASELINE, executed}
    assert all(arm.propensity == 1.0 for arm in certain.values())
    assert (certain[BASELINE].stratum, certain[executed].stratum) == ("baseline", "executed")


def test_an_executed_action_that_is_the_baseline_takes_one_slot() -> None:
    arms = draw(executed=BASELINE).arms
    assert len(arms) == 4
    assert sum(arm.is_baseline and arm.is_executed for arm in arms) == 1


def test_what_finds_no_place_is_said() -> None:
    executed = Action("speculate_vote", 3, 120, "NA")
    case = draw(rule=SamplingRule(1), executed=executed)
    assert [arm.action for arm in case.arms] == [BASELINE]
    assert case.note == "K=1 leaves no place for the last executed action (speculate_vote ×3 120m)"
    short = arm_space("code", LIMITS, ArmLimits(max_minutes_per_candidate=30))
    case = draw(space=short)
    assert len(case.arms) == 4
    assert case.note == "the baseline's action (serial_handoff ×1 45m) is not among the allowed actions"


def test_larger_budgets_are_not_sampled_under_a_minutes_limit_but_na_is() -> None:
    short = arm_space("code", LIMITS, ArmLimits(max_minutes_per_candidate=20))
    minutes = {action.max_minutes_bin for action in short.actions}
    assert minutes == {15, "NA"}
    assert short.arm_ms[Action("serial_handoff", 1, "NA", "NA")] == 20 * 60_000


def test_a_case_over_its_total_minutes_draws_fewer_arms_and_says_so() -> None:
    limit = 100.0
    space = arm_space("code", LIMITS, ArmLimits(max_total_minutes_per_issue=limit))
    notes: Counter[str] = Counter()
    for number in range(300):
        case = draw(f"i-{number}", space)
        assert sum(space.arm_ms[arm.action] for arm in case.arms) <= limit * 60_000
        assert (case.note is None) == (len(case.arms) == 4)
        notes[case.note] += 1
    assert notes["3 of 4 arms fit max_total_minutes_per_issue"] > 0


def test_replicates_count_towards_the_total_minutes() -> None:
    once = arm_space("code", LIMITS, ArmLimits(max_total_minutes_per_issue=100))
    thrice = arm_space("code", LIMITS, ArmLimits(max_total_minutes_per_issue=100, replicates=3))
    assert thrice.arm_ms[BASELINE] == 3 * once.arm_ms[BASELINE]
    assert BASELINE not in [arm.action for arm in draw(space=thrice).arms]
    nothing = arm_space("code", LIMITS, ArmLimits(max_total_minutes_per_issue=10))
    assert draw(space=nothing) == ((), "0 of 4 arms fit max_total_minutes_per_issue")


@pytest.mark.parametrize("k", [0, -1, 31])
def test_an_impossible_k_is_refused_in_one_line(k: int) -> None:
    with pytest.raises(BenchError, match=r"action_sampling\.K is") as refused:
        draw(rule=SamplingRule(k))
    assert "\n" not in str(refused.value)


def test_no_allowed_action_at_all_is_refused() -> None:
    empty = ArmSpace("code", (), CODE.worst_micro_usd, CODE.arm_ms)
    with pytest.raises(BenchError, match="max_minutes_per_candidate"):
        draw(space=empty)


@settings(max_examples=150)
@given(
    job_type=st.sampled_from(JOB_TYPES),
    strategy=st.sampled_from(["deterministic", "random", "coverage", "anchor"]),
    k=st.integers(1, 12),
    issue=st.text(max_size=8),
    seed=st.integers(0, 2**63),
    risk=st.sampled_from(["low", "medium", "high", "critical"]),
    size=st.sampled_from(["XS", "S", "M", "L", "XL"]),
    cap=st.none() | st.sampled_from([15.0, 50.0]),
    executed_rank=st.none() | st.integers(0, 29),
)
def test_every_draw_is_valid_different_canonical_repeatable_and_possible(
    job_type: JobType,
    strategy: str,
    k: int,
    issue: str,
    seed: int,
    risk: str,
    size: str,
    cap: float | None,
    executed_rank: int | None,
) -> None:
    space = arm_space(job_type, LIMITS, ArmLimits(max_minutes_per_candidate=cap))
    executed = None if executed_rank is None else valid_actions(job_type)[executed_rank]
    case = SamplingInput(
        issue, space, baseline_action(risk, size, job_type), executed, SamplingRule(k, strategy, seed)
    )
    if strategy != "anchor" and k > len(space.actions):
        with pytest.raises(BenchError):
            sample_arms(case)
        return
    sampled = sample_arms(case)
    ranks = [canonical_rank(arm.action) for arm in sampled.arms]
    assert ranks == sorted(set(ranks))
    assert len(ranks) == (len(space.actions) if strategy == "anchor" else k)
    assert all(is_valid(arm.action, job_type) and 0 < arm.propensity <= 1 for arm in sampled.arms)
    assert sample_arms(case) == sampled


def test_another_issue_changes_no_case_and_another_seed_does() -> None:
    first = {f"i-{number}": draw(f"i-{number}") for number in range(20)}
    draw("newcomer")
    assert {issue: draw(issue) for issue in reversed(first)} == first
    assert any(draw(issue, rule=SamplingRule(4, seed=43)) != case for issue, case in first.items())


def test_the_arms_of_a_seed_are_pinned_for_every_machine_and_python() -> None:
    lines = []
    strategies = ("random", "coverage")
    for strategy, job_type, number in itertools.product(strategies, JOB_TYPES, range(10)):
        space = arm_space(job_type, LIMITS, ArmLimits())
        case = draw(f"i-{number}", space, SamplingRule(5, strategy), baseline_action("low", "L", job_type))
        lines.append(repr([(*arm.action, arm.stratum) for arm in case.arms]))
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == PINNED


PINNED = "0f4b71947ef75988162654ca361e521068103a25c0b9565ffbe8fc6c7ae17974"


def test_seeds_are_63_bit_and_different_for_every_replicate() -> None:
    actions = valid_actions("code")
    planned = [
        replicate
        for issue in ("a", "b")
        for replicate in expand_replicates(actions, issue_id=issue, seed=1, replicates=3)
    ]
    seeds = [replicate.seed for replicate in planned]
    assert len(set(seeds)) == len(seeds) == 2 * 30 * 3
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert [replicate.number for replicate in planned[:4]] == [0, 1, 2, 0]


def test_a_fraction_of_the_arms_is_replicated_and_the_first_replicate_stays_the_same() -> None:
    actions = valid_actions("code")
    parts = [
        expand_replicates(actions, issue_id=f"i-{n}", seed=1, replicates=2, replicate_fraction=0.25)
        for n in range(40)
    ]
    extra = sum(len(part) - 30 for part in parts)
    assert abs(extra - 300) < 5 * math.sqrt(1_200 * 0.25 * 0.75)
    single = expand_replicates(actions, issue_id="i-0", seed=1)
    assert [r for r in parts[0] if r.number == 0] == list(single)


def test_admission_order_is_random_and_the_same_for_any_order_of_the_backlog() -> None:
    issues = [f"i-{number:02}" for number in range(30)]
    ranks = admission_ranks(5, issues)
    assert sorted(ranks.values()) == list(range(30))
    assert ranks == admission_ranks(5, reversed(issues))
    assert sorted(ranks, key=ranks.__getitem__) != issues
    assert ranks != admission_ranks(6, issues)


@pytest.mark.parametrize("strategy", ["random", "coverage"])
def test_swap_probabilities_equal_full_enumeration(strategy: str) -> None:
    """What would be drawn in the place of an arm, given the others, from the design as it is stored."""
    for speculate, serial, k, baseline, executed, include in SMALL_SHAPES[::3]:
        space = small_space(speculate, serial)
        base = space.actions[baseline % len(space.actions)]
        other = None if executed is None else space.actions[executed]
        case = SamplingInput("i", space, base, other, SamplingRule(k, strategy, include_baseline=include))
        sets: defaultdict[frozenset[Action], Fraction] = defaultdict(Fraction)
        for chance, drawn in every_case(case):
            sets[frozenset(drawn)] += chance
        sampled = sample_arms(case)
        document = design_document(case, sampled)
        arms = [arm.action for arm in sampled.arms]
        swaps = swaps_of(document, [canonical_rank(action) for action in arms])
        if document["plans"] is None:
            assert swaps is None
            continue
        assert swaps is not None
        certain = set(get_strategy(strategy).design(case).forced)
        for row, own in zip(swaps, arms, strict=True):
            rest = frozenset(arms) - {own}
            expected = {b: float(sets[rest | {b}]) for b in space.actions if b not in rest}
            if own in certain:
                expected = {own: 1.0}
            total = sum(expected.values())
            chances = {b: row[canonical_rank(b)] for b in expected}
            assert chances == pytest.approx({b: chance / total for b, chance in expected.items()}, abs=1e-12)
            assert row.sum() == pytest.approx(1.0, abs=1e-12)
