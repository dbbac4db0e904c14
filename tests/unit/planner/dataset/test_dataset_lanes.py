"""Lanes: whose examples they hold, whether they meet their targets, and the least that is to be added."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.actions import NA, SERIAL, SPECULATE, Action
from planner.dataset.lanes import LANES, additions, coverage, lane_of

_counts = st.dictionaries(st.sampled_from(["A", "B", "C", None]), st.integers(0, 400))


def _grown(counts: dict[str | None, int], added: dict[str, int]) -> dict[str | None, int]:
    return {name: counts.get(name, 0) + added.get(name or "", 0) for name in ("A", "B", "C", None)}


def _meets(counts: dict[str | None, int]) -> bool:
    return all(entry.verdict == "met" for entry in coverage(counts))


@given(_counts)
def test_what_is_to_be_added_meets_every_target(counts: dict[str | None, int]) -> None:
    added = additions(counts)
    assert min(added.values()) >= 0
    assert _meets(_grown(counts, added))


@given(st.dictionaries(st.sampled_from(["A", "B", "C", None]), st.integers(0, 4)))
def test_nothing_less_would_do(counts: dict[str | None, int]) -> None:
    least = sum(additions(counts).values())
    fewer = (
        dict(zip("ABC", more, strict=True)) for more in product(range(least), repeat=3) if sum(more) < least
    )
    assert not any(_meets(_grown(counts, more)) for more in fewer)


def test_a_met_target_asks_for_nothing() -> None:
    assert additions({"A": 60, "B": 30, "C": 10}) == {"A": 0, "B": 0, "C": 0}


def test_too_many_of_one_lane_are_outgrown_by_the_others() -> None:
    standing = {entry.lane.name: entry for entry in coverage({"A": 100})}
    assert [standing[name].verdict for name in "ABC"] == ["many", "few", "few"]
    assert standing["A"].missing == 0
    assert standing["B"].missing > standing["C"].missing > 0


def test_without_examples_there_is_no_share() -> None:
    assert [entry.share for entry in coverage({})] == [None, None, None]


@pytest.mark.parametrize(
    ("risk", "size", "swarm", "candidates", "lane"),
    [
        ("low", "XS", SERIAL, 1, "A"),
        ("medium", "M", SERIAL, 1, "A"),
        ("medium", "M", SPECULATE, 1, None),
        ("medium", "L", SERIAL, 1, None),
        ("high", "M", SPECULATE, 2, "B"),
        ("high", "XL", SPECULATE, 3, None),
        ("high", "S", SPECULATE, 2, None),
        ("critical", "L", SPECULATE, 3, "C"),
        ("critical", "L", SPECULATE, 2, None),
        ("critical", "M", SPECULATE, 3, None),
        ("critical", "XL", SPECULATE, NA, None),
    ],
)
def test_risk_size_and_what_ran_make_the_lane(
    risk: str, size: str, swarm: str, candidates: int, lane: str | None
) -> None:
    assert lane_of(risk, size, Action(swarm, candidates, 30, NA)) == lane


def test_targets_leave_room_for_what_is_in_no_lane() -> None:
    assert sum(lane.low for lane in LANES) < 1 < sum(lane.high for lane in LANES)
