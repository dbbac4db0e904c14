"""Slices, filters and the sample."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.intake.conditions import checked
from bench.intake.errors import IntakeError
from bench.intake.issue import PRIORITIES, RISKS, SIZES, Issue
from bench.intake.slices import BUILT_IN, find_slice, select


def issue(issue_id: str, **fields: Any) -> Issue:
    return Issue(id=issue_id, **fields)


def ids(issues: list[Issue]) -> list[str]:
    return [selected.id for selected in issues]


GRID = [issue(f"{risk}-{size}", dk_risk=risk, dk_size=size) for risk in RISKS for size in SIZES]


@pytest.mark.parametrize(
    ("name", "risks", "sizes"),
    [
        ("critical", ["critical"], SIZES),
        ("high", ["high"], SIZES),
        ("all", RISKS, SIZES),
        ("lane-a", ["low", "medium"], ["XS", "S", "M"]),
        ("lane-b", ["high"], ["M", "L", "XL"]),
        ("lane-c", ["critical"], ["L", "XL"]),
    ],
)
def test_built_in_slices_take_their_risks_and_sizes(name: str, risks: list[str], sizes: list[str]) -> None:
    assert set(ids(select(GRID, name, BUILT_IN[name]))) == {f"{r}-{s}" for r in risks for s in sizes}


def test_closed_issues_are_taken_only_where_asked_for_and_escalations_never() -> None:
    known = [
        issue("open"),
        issue("shut", status="closed"),
        issue("done", status="done"),
        issue("escalated", status="escalated"),
        issue("tagged", tags=("needs-human",), status="closed"),
    ]
    assert ids(select(known, "all", {})) == ["open"]
    assert ids(select(known, "solved", {"status": ["Closed", "done"]})) == ["done", "shut"]
    assert ids(select(known, "all", {}, filters=[{"field": "status", "value": "closed"}])) == ["shut"]
    assert ids(select(known, "all", {}, ids=["shut", "open"])) == ["open", "shut"]
    with pytest.raises(IntakeError, match="tagged waits for a person"):
        select(known, "all", {}, ids=["tagged"])


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({"dk_priority": {"min": "P0", "max": "P1"}}, ["a"]),
        ({"dk_priority": {"min": "P2"}}, ["b", "c"]),
        ({"dk_attempts": {"max": 1}}, ["a", "c"]),
        ({"dk_estimated_tokens": {"min": 0}}, ["b"]),
        ({"dk_estimated_tokens": None}, ["a", "c"]),
        ({"updated": {"min": "2026-01-02"}}, ["b"]),
        ({"updated": {"max": "2026-01-01T01:00:00+01:00"}}, ["a"]),
        ({"tags_any": ["x", "y"]}, ["a", "b"]),
        ({"tags_all": ["x", "y"]}, ["b"]),
        ({"tags_all": "x"}, ["a", "b"]),
        ({"tags": "y"}, ["b"]),
        ({"job_type": "fab-asset"}, ["c"]),
        ({"domain": ["fab_asset", "fab_world"]}, ["c"]),
        ({"dk_speculate": True}, ["c"]),
        ({"id": ["a", "c"], "dk_attempts": 0}, ["a", "c"]),
    ],
)
def test_a_condition_is_a_value_a_list_or_a_range(definition: dict[str, Any], expected: list[str]) -> None:
    known = [
        issue("a", dk_priority="P1", tags=("x",), updated="2026-01-01T00:00:00Z"),
        issue("b", tags=("x", "y"), dk_attempts=2, dk_estimated_tokens=9, updated="2026-01-02T00:00:00.5Z"),
        issue("c", dk_priority="P3", tags=("asset:mesh",), dk_speculate=True),
    ]
    assert ids(select(known, "it", definition)) == expected
    (field, wanted), *others = definition.items()
    if not others and field not in ("tags_any", "tags_all"):
        assert ids(select(known, "all", {}, filters=[{"field": field, "value": wanted}])) == expected


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"dk_risc": "low"}, r"slices\.it\.dk_risc: issues have no such field; did you mean dk_risk\?"),
        ({"workcell": {}}, "no such field"),
        ({"dk_risk": "crit"}, "'crit' is not allowed; use low, medium, high, critical"),
        ({"dk_risk": []}, "an empty list matches nothing"),
        ({"dk_size": {"min": "XXL"}}, "'XXL' is not allowed; use XS, S, M, L, XL"),
        ({"dk_size": {"from": "S"}}, "a range has min, max or both"),
        ({"dk_size": {"min": "L", "max": "S"}}, "min L comes after max S"),
        ({"title": {"min": "a"}}, "this field has no order"),
        ({"dk_attempts": "2"}, "'2' is not a whole number"),
        ({"dk_attempts": True}, "True is not a whole number"),
        ({"dk_speculate": 1}, "1 is not true or false"),
        ({"updated": {"min": "May"}}, "'May' is not a time"),
        ({"updated": {"min": None}}, "leave min or max out"),
        ({"tags_any": [["x"]]}, "is not a text"),
        ({"status": None}, "None is not a text"),
    ],
)
def test_an_impossible_condition_is_refused_with_its_path(definition: dict[str, Any], message: str) -> None:
    with pytest.raises(IntakeError, match=message):
        checked(definition, "slices.it")


def test_an_unknown_slice_lists_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(
        IntakeError, match=r"'critcal'; did you mean critical\? \(known: all, critical, high, lane"
    ):
        find_slice("critcal", {})
    with pytest.raises(IntakeError, match="mine"):
        find_slice("zzz", {"mine": {}})
    assert find_slice("critical", {"critical": {"dk_size": "S"}}) == {"dk_size": "S"}


def test_an_unknown_issue_is_named_with_the_nearest() -> None:
    with pytest.raises(IntakeError, match=r"unknown issue 'SHOP-13'; did you mean SHOP-12\?"):
        select([issue("SHOP-12")], "all", {}, ids=["SHOP-13"])


def test_an_empty_slice_says_what_it_asks_and_what_is_known() -> None:
    known = [issue("a"), issue("b", status="closed"), issue("c", dk_risk="low")]
    with pytest.raises(IntakeError) as caught:
        select(
            known,
            "critical",
            BUILT_IN["critical"],
            filters=[{"field": "dk_size", "value": None, "in": ["S"]}],
        )
    assert str(caught.value) == (
        'no issue is in slice \'critical\': it asks for {"dk_risk": ["critical"]} and {"dk_size": ["S"]}; '
        "3 issues are known, 1 of them closed or escalated; see: bench issues list"
    )
    with pytest.raises(IntakeError, match="no issues are known; import some"):
        select([], "all", {})


issue_lists = st.lists(
    st.builds(
        Issue,
        id=st.text("abcdef", min_size=1, max_size=4),
        dk_risk=st.sampled_from(RISKS),
        dk_priority=st.sampled_from(PRIORITIES),
        status=st.sampled_from(["open", "closed"]),
    ),
    min_size=1,
    unique_by=lambda example: example.id,
)


@given(issue_lists, st.integers(1, 20), st.integers(), st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_change_the_choice(
    known: list[Issue], size: int, seed: int, shuffler: random.Random
) -> None:
    everything = {"status": ["open", "closed"]}
    chosen = select(known, "s", everything, sample_size=size, seed=seed)
    shuffled = list(known)
    shuffler.shuffle(shuffled)
    assert select(shuffled, "s", everything, sample_size=size, seed=seed) == chosen
    assert ids(chosen) == sorted(ids(chosen))
    assert len(chosen) == min(size, len(known))


@given(issue_lists, st.integers(1, 20), st.integers())
def test_one_more_issue_changes_the_sample_by_one_at_most(known: list[Issue], size: int, seed: int) -> None:
    everything = {"status": ["open", "closed"]}
    before = set(ids(select(known, "s", everything, sample_size=size, seed=seed)))
    after = set(ids(select([*known, issue("new")], "s", everything, sample_size=size, seed=seed)))
    assert len(before - after) <= 1


# The four lowest of `printf '42\0i-%s' $n | sha256sum` for n from 0 to 19.
PINNED = ["i-0", "i-14", "i-16", "i-5"]


def test_the_sample_is_pinned_for_every_machine_and_python() -> None:
    known = [issue(f"i-{number}") for number in range(20)]
    assert ids(select(known, "all", {}, sample_size=4, seed=42)) == PINNED
    assert ids(select(known, "all", {}, sample_size=4, seed=43)) != PINNED
    assert len(select(known, "all", {}, ids=ids(known), sample_size=4)) == 20
