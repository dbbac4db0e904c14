"""Splits are 80/10/10 by time, and no group is ever on two sides."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from planner.dataset.splits import SPLITS, assign_splits


@given(st.lists(st.sampled_from("abcdefghij"), max_size=60))
def test_a_group_is_on_one_side_and_earlier_groups_are_on_earlier_sides(groups: list[str]) -> None:
    splits = assign_splits(groups)
    sides: dict[str, set[str]] = {}
    for group, split in zip(groups, splits, strict=True):
        sides.setdefault(group, set()).add(split)
    assert all(len(distinct) == 1 for distinct in sides.values())
    order = [SPLITS.index(distinct.pop()) for distinct in sides.values()]
    assert order == sorted(order)
    if len(sides) >= 3:
        assert set(splits) == set(SPLITS)


def test_of_many_issues_eight_tenths_train() -> None:
    splits = assign_splits([f"issue-{number // 4}" for number in range(4000)])
    assert Counter(splits) == {"train": 3200, "val": 400, "test": 400}


def test_a_huge_issue_weighs_as_much_as_its_examples() -> None:
    assert assign_splits(["a"] * 50 + ["b"] * 35 + ["c"] * 6 + ["d"] * 9) == (
        ["train"] * 85 + ["val"] * 6 + ["test"] * 9
    )


def test_an_issue_that_comes_back_later_stays_where_it_was_first_seen() -> None:
    splits = assign_splits([*"abcdefghij", "a"])
    assert splits[-1] == splits[0] == "train"
    assert splits[8:10] == ["val", "test"]


def test_of_fewer_than_three_issues_the_first_trains() -> None:
    assert assign_splits([]) == []
    assert assign_splits(["a", "a"]) == ["train", "train"]
    assert assign_splits(["a", "b"])[0] == "train"
