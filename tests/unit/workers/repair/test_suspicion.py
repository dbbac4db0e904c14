"""Suspiciousness: the formula, and what coverage alone cannot see."""

import ast
import math

import pytest

from workers.repair.suite_runner import interleaved
from workers.repair.suspicion import Spectrum, ochiai, scores, spread


@pytest.mark.parametrize(
    ("failed", "passed", "all_failed", "score"),
    [(1, 0, 1, 1.0), (1, 3, 1, 0.5), (0, 5, 1, 0.0), (2, 2, 4, 2 / math.sqrt(16)), (0, 0, 0, 0.0)],
)
def test_ochiai_has_its_textbook_values(failed: int, passed: int, all_failed: int, score: float) -> None:
    assert ochiai(failed, passed, all_failed) == pytest.approx(score)


def test_lines_that_only_failing_tests_run_are_most_suspicious() -> None:
    suspicion = scores(
        [
            Spectrum(True, {"m.py": [1, 2, 3]}),
            Spectrum(False, {"m.py": [1, 2]}),
            Spectrum(False, {"m.py": [1]}),
        ]
    )
    assert suspicion[("m.py", 3)] == 1.0
    assert suspicion[("m.py", 3)] > suspicion[("m.py", 2)] > suspicion[("m.py", 1)] > 0


def test_lines_no_failing_test_runs_are_not_suspicious() -> None:
    assert scores([Spectrum(False, {"m.py": [7]}), Spectrum(True, {"m.py": [8]})]) == {("m.py", 8): 1.0}


def test_where_the_exception_passed_is_more_suspicious() -> None:
    both = {"m.py": [1, 2]}
    suspicion = scores([Spectrum(True, both, [("m.py", 1), ("m.py", 2)]), Spectrum(False, both)])
    assert suspicion[("m.py", 2)] > suspicion[("m.py", 1)] > ochiai(1, 1, 1)


def test_constants_and_defaults_inherit_from_the_functions_that_use_them() -> None:
    tree = ast.parse(
        "LIMIT = 3\nOTHER = 4\n\ndef f(a=1):\n    return a < LIMIT\n\ndef g():\n    return OTHER\n"
    )
    raised = spread("m.py", tree, {("m.py", 5): 1.0})
    assert raised[("m.py", 1)] > 0
    assert raised[("m.py", 4)] > 0
    assert ("m.py", 2) not in raised
    assert ("m.py", 7) not in raised


def test_tests_take_turns_by_what_they_cover() -> None:
    group = {"a1": "a", "a2": "a", "a3": "a", "b1": "b"}
    assert interleaved(["a1", "a2", "a3", "b1"], group) == ["a1", "b1", "a2", "a3"]
