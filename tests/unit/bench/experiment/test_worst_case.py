"""Worst cases are integers that never fall short, and NA is resolved as configured."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.experiment.streams import Stream, nth_free, seed63, unit
from bench.experiment.worst_case import (
    ArmLimits,
    CostModel,
    arm_space,
    cost_model,
    resolve_action,
    worst_micro_usd,
    worst_ms,
)
from planner.actions import NA, Action
from workers.spec import PlannedAction, Workcell

WORKCELL = Workcell.model_validate(
    {
        "repo": ".",
        "gates": [{"name": "test", "command": ["true"]}],
        "toolchains": [{"name": "repair", "limit_minutes": 12.5}, {"name": "claude", "limit_minutes": 40}],
        "rates": {"usd_per_minute": 0.1, "max_usd_per_candidate": 1.5},
        "default_candidates": 2,
        "default_iterations": 3,
    }
)


def test_na_is_resolved_by_the_defaults_and_the_longest_toolchain() -> None:
    planned = resolve_action(Action("speculate_vote", NA, NA, NA), cost_model(WORKCELL))
    assert planned == PlannedAction(swarm_id="speculate_vote", candidates=2, minutes=40, iterations=3)


def test_numbers_stay_and_na_is_cut_at_the_minutes_limit() -> None:
    limits = cost_model(WORKCELL)
    assert resolve_action(Action("speculate_vote", 3, 15, 5), limits, 20).model_dump(exclude_none=True) == {
        "swarm_id": "speculate_vote",
        "candidates": 3,
        "minutes": 15,
        "iterations": 5,
    }
    assert resolve_action(Action("serial_handoff", 1, NA, NA), limits, 20).minutes == 20
    assert resolve_action(Action("serial_handoff", 1, NA, NA), limits, 90).minutes == 40


def test_the_worst_case_is_candidates_times_minutes_and_dollars() -> None:
    planned = PlannedAction(swarm_id="speculate_vote", candidates=3, minutes=15, iterations=1)
    assert worst_micro_usd(planned, cost_model(WORKCELL)) == 3 * (15 * 100_000 + 1_500_000)
    assert worst_ms(planned) == 3 * 15 * 60_000


@given(
    st.integers(1, 5),
    st.floats(0.001, 200, allow_nan=False),
    st.floats(0, 10, allow_nan=False),
    st.floats(0, 10, allow_nan=False),
)
def test_worst_cases_never_fall_short_and_by_less_than_one_unit_a_candidate(
    candidates: int, minutes: float, rate: float, most: float
) -> None:
    planned = PlannedAction(swarm_id="speculate_vote", candidates=candidates, minutes=minutes, iterations=1)
    limits = CostModel(rate, most, 2, 2, 30)
    exact = candidates * (Fraction(str(minutes)) * Fraction(str(rate)) + Fraction(str(most))) * 1_000_000
    assert exact <= worst_micro_usd(planned, limits) < exact + candidates
    time = candidates * Fraction(str(minutes)) * 60_000
    assert time <= worst_ms(planned) < time + candidates


def test_the_same_limits_give_the_same_space() -> None:
    limits = cost_model(WORKCELL)
    assert arm_space("code", limits, ArmLimits(30)) is arm_space("code", limits, ArmLimits(30))


def test_the_stream_is_pinned() -> None:
    stream = Stream(42, "issue", "coverage.1")
    assert [stream.below(1_000) for _ in range(6)] == PINNED_STREAM
    assert seed63(1, "a") == PINNED_SEED
    assert 0 <= unit(1, "a") < 1


PINNED_STREAM = [218, 950, 788, 440, 458, 488]
PINNED_SEED = 1155254847670415180


def test_a_stream_draws_every_value_about_equally_often() -> None:
    stream = Stream("uniform")
    counts = [0] * 7
    for _ in range(7_000):
        counts[stream.below(7)] += 1
    assert sum((count - 1_000) ** 2 / 1_000 for count in counts) < 27  # χ², 6 degrees of freedom, p = .0001


@pytest.mark.parametrize("n", [0, -3, 2**64 + 1])
def test_a_stream_refuses_what_it_cannot_draw_evenly(n: int) -> None:
    with pytest.raises(ValueError, match="between 1 and"):
        Stream(1).below(n)


def test_parts_of_a_key_do_not_run_together() -> None:
    assert seed63("a", "bc") != seed63("ab", "c")
    assert seed63(1) != seed63("1")


@given(st.sets(st.integers(0, 20)), st.integers(0, 20))
def test_nth_free_skips_what_is_taken(taken: set[int], position: int) -> None:
    free = [number for number in range(60) if number not in taken]
    assert nth_free(position, sorted(taken)) == free[position]
