"""Judgements on cases: sets, ties, values and what a few runs cannot say."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from bench.statistics.arms import Arms, arms_of
from bench.statistics.best_calibration import best_calibration
from bench.statistics.errors import NotIdentifiedError, UnsupportedError
from bench.statistics.oracle import oracle_bracket
from bench.statistics.outcomes import Outcome, utility
from bench.statistics.pass_at_k import pass_at_k
from bench.statistics.pass_model import RunPrior
from bench.statistics.posterior import RESOLUTION, share_of_best
from bench.statistics.run_noise import ASSUMED as ASSUMED_NOISE
from bench.statistics.run_noise import RunNoise, noise_of
from bench.statistics.table import ArmRow, BenchTable, CaseRow, ExecutionRow, build_table
from bench.statistics.winner_set import ArmSample, credible_set, winner_set
from bench.statistics.winner_value import mean_interval, pass_interval
from bench.statistics.winners import ASSUMED, MEASURED, UNKNOWN, CaseJudgement, judge_cases
from planner.space.heads import N_CELLS
from tests.proofs.winner_worlds import winner_world


def bench(*cases: dict[int, str], minutes: float = 5.0) -> BenchTable:
    """Cases as {cell: runs}, a run being "+", "-" or "?" for missing."""
    chances = np.zeros(N_CELLS)
    chances[[2, 33, 64]] = 1.0
    rows = []
    for number, case in enumerate(cases):
        arms = [
            ArmRow(
                cell,
                [
                    ExecutionRow(replicate, None if run == "?" else run == "+", minutes=minutes + cell / 100)
                    for replicate, run in enumerate(runs)
                ],
            )
            for cell, runs in case.items()
        ]
        rows.append(CaseRow(f"c{number}", f"i{number}", "g", chances, True, arms))
    return build_table(rows)


def passing(table: BenchTable) -> Arms:
    return arms_of(table, table.passed)


def only(*cases: dict[int, str]) -> CaseJudgement:
    return judge_cases(bench(*cases), seed=1)[0]


def test_a_clear_winner_is_claimed_and_stands_alone() -> None:
    judgement = only({2: "--------", 33: "++++++++", 64: "--------"}, {2: "+-", 33: "--"})
    assert (judgement.leader, judgement.claimed, judgement.members) == (33, 33, (33,))
    assert dict(judgement.soft)[33] > 0.9
    assert judgement.p_value == pytest.approx(stats.fisher_exact([[8, 0], [0, 8]])[1])


def test_two_runs_claim_nothing() -> None:
    judgement = only({2: "--", 33: "++"}, {2: "+-", 33: "--"})
    assert (judgement.leader, judgement.claimed, judgement.members) == (33, None, (2, 33))
    assert judgement.noise == MEASURED
    assert judgement.soft == tuple((arm.cell, arm.chance_best) for arm in judgement.arms)
    assert sum(weight for _, weight in judgement.soft) == pytest.approx(1.0)


def test_no_test_claims_from_fewer_runs_than_four() -> None:
    """With three runs an arm the rank sum reaches p = 0.1 at best."""
    low = [ArmSample((0.1, 0.2, 0.3), (0,)), ArmSample((0.7, 0.8, 0.9), (1,))]
    wide = [ArmSample((*sample.values, sample.values[-1] + 0.01), sample.rank) for sample in low]
    assert not winner_set(low, alpha=0.2).claimed
    assert winner_set(wide, alpha=0.2).claimed


@pytest.mark.parametrize(
    ("chances", "leader", "members"),
    [
        ([0.96, 0.02, 0.02], 0, (0,)),
        ([0.96, 0.02, 0.02], 2, (0, 2)),
        ([0.05, 0.9, 0.05], 1, (0, 1, 2)),
        ([0.02, 0.6, 0.38], 1, (1, 2)),
        ([0.02, 0.6, 0.38], 0, (0, 1, 2)),
        ([0.25] * 4, 0, (0, 1, 2, 3)),
        ([0.93, 0.03, 0.03, 0.01], 0, (0, 1, 2)),
        ([0.65, 0.3, 0.05], 0, (0, 1)),
        ([1.0], 0, (0,)),
    ],
)
def test_the_credible_set_is_the_fewest_arms_with_95_percent_their_equals_and_the_leader(
    chances: list[float], leader: int, members: tuple[int, ...]
) -> None:
    assert credible_set(np.array(chances), leader) == members
    turned = credible_set(np.array(chances[::-1]), len(chances) - 1 - leader)
    assert sorted(len(chances) - 1 - arm for arm in turned) == list(members)


def test_a_winner_that_other_issues_make_unlikely_is_still_possible() -> None:
    """Action 2 wins a tie by its time, and fails on all other issues."""
    judgement = only({2: "+---", 33: "+---"}, *({2: "----", 33: "++--"} for _ in range(60)))
    chances = dict(judgement.soft)
    assert (judgement.leader, judgement.likeliest) == (2, 33)
    assert chances[2] < 0.05
    assert chances[33] >= 0.95
    assert judgement.members == (2, 33)


def test_pass_rates_within_a_point_tie_for_best() -> None:
    shares = share_of_best(np.array([[0.995, 1.0, 0.98, 0.3]]), np.zeros(4, dtype=np.intp), RESOLUTION)
    assert shares.tolist() == [[0.5, 0.5, 0.0, 0.0]]
    solved_by_all = judge_cases(bench(*({2: "+++", 33: "+++", 64: "+++"} for _ in range(30))), seed=1)[0]
    assert [arm.chance_best for arm in solved_by_all.arms] == pytest.approx([1 / 3] * 3, abs=0.05)
    assert solved_by_all.members == (2, 33, 64)


def test_unequal_runs_need_more_than_equal_ones() -> None:
    """One test of three arms at 5 % would do with equal runs; a union bound asks for 3.3 %."""
    samples = [ArmSample((1.0,) * 5, (0,)), ArmSample((0.0,) * 4 + (1.0,), (1,)), ArmSample((0.0,) * 5, (2,))]
    assert winner_set(samples).p_value == pytest.approx(0.0476, abs=1e-4)
    assert winner_set(samples).claimed
    samples[2] = ArmSample((0.0,) * 6, (2,))
    assert not winner_set(samples).claimed


def test_single_runs_share_the_label_among_ties_and_refuse_estimates() -> None:
    judgement = only({2: "+", 33: "-", 64: "+"}, {2: "-", 33: "+"})
    assert judgement.tie_size == 2
    assert judgement.soft == ((2, 0.5), (64, 0.5))
    assert judgement.members == (2, 33, 64)
    assert judgement.value.value is None
    assert "replicates: 2" in str(judgement.value.why_not)
    assert [arm.chance_best for arm in judgement.arms] == [None, None, None]
    assert (judgement.noise, judgement.identified) == (UNKNOWN, False)


def test_single_runs_have_chances_by_an_assumed_noise_and_estimates_by_a_borrowed_one() -> None:
    cases = [{2: "+", 33: "-", 64: "+"}, {2: "-", 33: "+"}, {2: "-", 64: "-"}]
    assumed = judge_cases(bench(*cases), seed=1, noise=ASSUMED_NOISE)[0]
    assert (assumed.noise, assumed.identified) == (ASSUMED, False)
    assert assumed.soft == tuple((arm.cell, arm.chance_best) for arm in assumed.arms)
    assert "replicates: 2" in str(assumed.value.why_not)
    earlier = winner_world(1, issues=60, replicates=3, precision=1.0).table()
    noise = noise_of(earlier, "b-earlier")
    borrowed = judge_cases(bench(*cases), seed=1, noise=noise)[0]
    assert (borrowed.noise, borrowed.identified) == ("b-earlier", True)
    assert "noise between runs as in b-earlier" in borrowed.value.method
    assert borrowed.value.value is not None
    with pytest.raises(NotIdentifiedError):
        noise_of(bench(*cases), "b-single")


def test_runs_that_repeat_make_borrowed_noise_void() -> None:
    cases = [{2: "++", 33: "-", 64: "+"}, {2: "-", 33: "+"}]
    assert judge_cases(bench(*cases), seed=1, noise=ASSUMED_NOISE) == judge_cases(bench(*cases), seed=1)


def test_the_noisier_the_runs_the_less_one_of_them_shows() -> None:
    cases = [{2: "+", 33: "-", 64: "-"}, *({2: "+-"[n % 2], 33: "+-"[n % 3 > 0], 64: "-"} for n in range(20))]
    chance = [
        dict(judge_cases(bench(*cases), seed=1, noise=RunNoise(RunPrior(phi, 0.1, 0.02), "b"))[0].soft)[2]
        for phi in (-1.0, 3.0)
    ]
    assert chance[0] > chance[1] + 0.1


def test_ties_are_led_by_the_objective_and_then_the_canonical_order() -> None:
    table = bench({2: "+", 33: "+", 64: "+"})
    assert judge_cases(table, seed=1)[0].leader == 2
    slow = np.array([3.0, 1.0, 1.0])
    assert judge_cases(table, seed=1, objective=slow)[0].leader == 33


def test_missing_runs_say_nothing_and_a_case_without_runs_has_no_judgement() -> None:
    judgements = judge_cases(bench({2: "++?", 33: "+-", 64: "??"}, {2: "?"}, {33: "-+"}), seed=1)
    assert [case.case for case in judgements] == ["c0", "c2"]
    assert [(arm.cell, arm.runs) for arm in judgements[0].arms] == [(2, 2), (33, 2)]


def test_a_lone_arm_leads_and_is_not_claimed() -> None:
    judgement = only({2: "++"}, {2: "+-"})
    assert (judgement.leader, judgement.claimed, judgement.members, judgement.p_value) == (2, None, (2,), 1.0)


def test_other_outcomes_are_judged_by_rank_sums_and_normal_shrinkage() -> None:
    rng = np.random.default_rng(3)
    table = bench(*({2: "++++++", 33: "++++++"} for _ in range(12)))
    worth = rng.normal(size=len(table.passed)) * 0.01 - 0.5 * (table.arm_cell[table.run_arm] == 33)
    judgements = judge_cases(table, seed=1, outcome=Outcome("utility", worth, -2.0, 1.0))
    assert all(case.claimed == 2 for case in judgements)
    assert judgements[0].value.estimand == "utility"
    assert judgements[0].value.low < 0.0 < judgements[0].value.high


def test_equal_utilities_are_ties_and_cost_no_regret() -> None:
    table = bench(*({2: "+-", 33: "+-"} for _ in range(12)), minutes=0.0)
    outcome = utility(table, per_minute=0.0, per_usd=0.0, worst=-1.0)
    assert {case.tie_size for case in judge_cases(table, seed=1, outcome=outcome)} == {2}
    policy = np.zeros((12, N_CELLS))
    policy[:, 33] = 1.0
    assert oracle_bracket(table, {"second": policy}, seed=1).policies[0].regret.upper.value == 0.0


def test_the_leaders_value_is_below_what_was_seen_and_inside_its_interval() -> None:
    for case in judge_cases(winner_world(1, issues=40, replicates=3).table(), seed=1):
        seen = next(arm.observed for arm in case.arms if arm.cell == case.leader)
        assert case.value.low <= case.value.value <= case.value.high
        assert case.value.value < seen or seen < 1.0


def test_intervals_are_exact_and_widen_with_the_arms() -> None:
    assert pass_interval(3, 5, 1) == pytest.approx(
        tuple(stats.binomtest(3, 5).proportion_ci(0.95, method="exact"))
    )
    assert pass_interval(3, 5, 6).low < pass_interval(3, 5, 2).low
    single = mean_interval(0.0, 4, 1, 1.0, 20)
    assert single.high == pytest.approx(stats.t.ppf(0.975, 20) / 2)
    assert mean_interval(0.0, 4, 6, 1.0, 20).high > single.high


def test_pass_at_k_counts_subsets() -> None:
    each = ("+-+--", "+++--", "++")
    estimates = pass_at_k(bench({2: each[0]}, {2: each[1]}, {33: each[2]}), 3)
    subsets = [list(combinations(runs, 3)) for runs in each[:2]]
    some = [np.mean(["+" in subset for subset in of_arm]) for of_arm in subsets]
    every = [np.mean([set(subset) == {"+"} for subset in of_arm]) for of_arm in subsets]
    assert estimates.any_of_k == pytest.approx([*some, np.nan], nan_ok=True)
    assert estimates.all_of_k == pytest.approx([*every, np.nan], nan_ok=True)


def test_a_policy_outside_the_bench_is_refused_with_the_reason() -> None:
    policy = np.zeros((3, N_CELLS))
    policy[:, 7] = 1.0
    table = bench(*({2: "+-", 33: "--"} for _ in range(3)))
    bracket = oracle_bracket(table, {"elsewhere": policy}, seed=1)
    assert bracket.policies[0].value.value is None
    assert "could never have run" in str(bracket.policies[0].regret.upper.why_not)
    assert bracket.oracle.upper.value == 0.5


def test_one_issue_is_too_few_for_a_bracket() -> None:
    with pytest.raises(UnsupportedError, match="fewer than two issues"):
        oracle_bracket(bench({2: "+-"}), {}, seed=1)


def test_predicted_first_places_come_true() -> None:
    # In this world all is well within the rule: another LAPACK may turn eigenvectors, and with them the draws.
    table = winner_world(4, issues=200, replicates=4, precision=4.0).table()
    bins = best_calibration(table, seed=1)
    assert sum(calibration.arms for calibration in bins) == 1200
    assert all(
        abs(calibration.observed - calibration.predicted) <= 3 * calibration.error for calibration in bins
    )
    assert bins[-1].predicted > bins[0].predicted + 0.05
    single = [winner_world(1, issues=20, replicates=2).case(number) for number in range(20)]
    executions = single[0].arms[0].executions
    assert isinstance(executions, list)
    executions.pop()
    assert sum(calibration.arms for calibration in best_calibration(build_table(single), seed=1)) == 119
    with pytest.raises(NotIdentifiedError):
        best_calibration(winner_world(1, issues=20).table(), seed=1)
