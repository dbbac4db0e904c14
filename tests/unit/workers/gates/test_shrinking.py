"""Which cases of a parametrised set may be missing."""

from collections.abc import Mapping

import pytest

from workers.gates.shrinking import file_of, function_of, parameters_of, split
from workers.gates.suite import SuiteRun
from workers.spec import FewerTests, TestState

WRONG_ENTRY: dict[str, TestState] = {
    "t.py::key[std]": "passed",
    "t.py::key[low]": "passed",
    "t.py::key[std ]": "failed",
}


def cases(function: str, states: Mapping[str, TestState]) -> dict[str, TestState]:
    return {f"t.py::{function}[{name}]": state for name, state in states.items()}


def counted(
    before: Mapping[str, TestState],
    now: Mapping[str, TestState],
    policy: FewerTests | None = None,
    changed: str = "",
) -> list[str]:
    """The missing tests that count against the candidate."""
    missing = [name for name in before if name not in now]
    shrunk = split(missing, before, SuiteRun(now), lambda path: path == "t.py" and path != changed, policy)
    assert sorted((*shrunk.counts, *shrunk.is_allowed)) == sorted(missing)
    return list(shrunk.counts)


def test_an_entry_that_failed_may_be_taken_out() -> None:
    now: dict[str, TestState] = {"t.py::key[std]": "passed", "t.py::key[low]": "passed"}
    assert counted(WRONG_ENTRY, now) == []
    assert counted(WRONG_ENTRY, now, "warn") == []
    assert counted(WRONG_ENTRY, now, "fail") == ["t.py::key[std ]"]


def test_an_entry_that_passed_may_not() -> None:
    now: dict[str, TestState] = {"t.py::key[std]": "passed"}
    assert counted(WRONG_ENTRY, now) == ["t.py::key[low]"]
    assert counted(WRONG_ENTRY, now, "warn") == []


def test_a_whole_function_may_not_be_missing() -> None:
    before = {**WRONG_ENTRY, "t.py::other[x]": "failed", "t.py::plain": "failed"}
    now: dict[str, TestState] = {"t.py::key[std]": "passed", "t.py::key[low]": "passed"}
    for policy in (None, "warn", "fail"):
        assert {"t.py::other[x]", "t.py::plain"} <= set(counted(before, now, policy))


@pytest.mark.parametrize(
    "left", [{"t.py::key[NOTSET]": "skipped"}, {"t.py::key[std]": "skipped"}, {"t.py::key": "passed"}, {}]
)
def test_a_set_of_which_nothing_passes_any_more_is_a_missing_function(left: dict[str, TestState]) -> None:
    for policy in (None, "warn"):
        assert "t.py::key[std ]" in counted(WRONG_ENTRY, left, policy)


def test_a_candidate_may_not_edit_the_set_in_its_own_test_file() -> None:
    now: dict[str, TestState] = {"t.py::key[std]": "passed", "t.py::key[low]": "passed"}
    for policy in (None, "warn"):
        assert counted(WRONG_ENTRY, now, policy, changed="t.py") == ["t.py::key[std ]"]


def test_a_file_is_known_by_its_place_in_the_check_out() -> None:
    """An id counts from the directory of pytest's configuration, which may be further down."""
    now: dict[str, TestState] = {"t.py::key[std]": "passed", "t.py::key[low]": "passed"}
    suite = SuiteRun(now, files={"t.py::key": "sub/t.py"})
    for file, counts in (("t.py", 1), ("sub/t.py", 0)):
        shrunk = split(["t.py::key[std ]"], WRONG_ENTRY, suite, file.__eq__, None)
        assert len(shrunk.counts) == counts


def test_other_tests_over_the_same_table_lose_the_entry_too() -> None:
    before = {
        **WRONG_ENTRY,
        **cases("rate", {"std-20": "passed", "low-5": "passed", "std -20": "passed"}),
        **cases("both", {"std-a": "passed", "std -a": "failed", "std -b": "passed"}),
    }
    now = {name: state for name, state in before.items() if "std " not in name}
    assert counted(before, now) == []
    del now["t.py::rate[low-5]"]
    assert counted(before, now) == ["t.py::rate[low-5]"]


def test_an_entry_that_is_put_right_changes_its_tests_ids() -> None:
    before = {
        **cases("rate", {"std-20": "passed", "low-50": "failed"}),
        **cases("type", {"low-50": "passed", "std-20": "passed"}),
    }
    now = {
        **cases("rate", {"std-20": "passed", "low-5": "passed"}),
        **cases("type", {"low-5": "passed", "std-20": "passed"}),
    }
    assert counted(before, now) == []


def test_numbered_entries_move_up() -> None:
    """pytest numbers what it cannot write: whichever entry goes, the last number is missing."""
    before = {
        **cases("key", {"entry0": "passed", "entry1": "failed", "entry2": "passed"}),
        **cases("rate", {"entry0": "passed", "entry1": "passed", "entry2": "passed"}),
    }
    one_less = {
        **cases("key", {"entry0": "passed", "entry1": "passed"}),
        **cases("rate", {"entry0": "passed", "entry1": "passed"}),
    }
    assert counted(before, one_less) == []
    two_less = {**cases("key", {"entry0": "passed"}), **cases("rate", {"entry0": "passed"})}
    assert counted(before, two_less) == ["t.py::key[entry2]", "t.py::rate[entry2]"]


def test_numbers_with_gaps_are_names() -> None:
    before = cases("key", {"5": "passed", "20": "passed", "30": "failed"})
    assert counted(before, cases("key", {"5": "passed", "30": "passed"})) == ["t.py::key[20]"]


@pytest.mark.parametrize(
    ("name", "file", "function", "parameters"),
    [
        ("tests/a.py::T::test_x[a[0]-b::c]", "tests/a.py", "tests/a.py::T::test_x", "a[0]-b::c"),
        ("odd[1]/a.py::test_x[p]", "odd[1]/a.py", "odd[1]/a.py::test_x", "p"),
        ("tests/a.py::test_x", "tests/a.py", "tests/a.py::test_x", ""),
        ("tests.test_a.TestX::test_b[c]", "tests/test_a.py", "tests.test_a.TestX::test_b", "c"),
        ("com.shop.CartTest::adds[1]", "", "com.shop.CartTest::adds", "1"),
        ("adds", "", "adds", ""),
    ],
)
def test_ids_are_taken_apart(name: str, file: str, function: str, parameters: str) -> None:
    assert (file_of(name), function_of(name), parameters_of(name)) == (file, function, parameters)
