"""Gates of real projects: what a right fix does to their tests, and what it must not be mistaken for."""

from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.executions import FIX, Orders, Repository, python
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.result import ExecutionResult
from workers.spec import Gate

PYTEST = ["python", "-m", "pytest", "-q", "tests"]
TABLE = 'RATES = {"std": 20, "low": 5, "std ": 20}\n'
OVER_TABLE = (
    "import pytest, table\n\n\n@pytest.mark.parametrize('key', table.RATES)\ndef test_key(key):\n"
    "    assert key == key.strip()\n\n\n@pytest.mark.parametrize('key', table.RATES)\ndef test_rate(key):\n"
    "    assert table.RATES[key] > 0\n"
)


@pytest.fixture
def solve(order: Orders, machine: Machine, repository: Repository) -> Any:
    """Runs the gate on a base commit with these files, then on what `code` makes of it."""

    def run(
        files: dict[str, str], code: str, gate: Gate, **given: Any
    ) -> tuple[ExecutionResult, ExecutionResult]:
        base = repository.add(files)
        shown = run_execution(
            order(kind="baseline", action=None, at=base, gates=[gate], **given), machine, Control()
        )
        fixed = run_execution(
            order(python(code), at=base, gates=[gate], baseline=shown.baseline, **given), machine, Control()
        )
        return shown, fixed

    return run


def gate(*command: str, **given: Any) -> Gate:
    return Gate(name="test", command=list(command or PYTEST), timeout_seconds=60, **given)


def replaces(path: str, old: str, new: str) -> str:
    return (
        f"from pathlib import Path; p = Path({path!r}); p.write_text(p.read_text().replace({old!r}, {new!r}))"
    )


def test_a_wrong_entry_may_be_taken_out_of_a_table(solve: Any) -> None:
    files = {"table.py": TABLE, "tests/test_calc.py": OVER_TABLE}
    shown, fixed = solve(files, replaces("table.py", ', "std ": 20', ""), gate())
    assert shown.status == "success", shown.message
    assert (fixed.status, fixed.fail_codes) == ("success", []), fixed.gates
    assert "test_key[std ]" in fixed.gates[0].warnings[0]


@pytest.mark.parametrize(
    ("code", "given"),
    [
        (replaces("table.py", ', "low": 5, "std ": 20', ""), {}),
        (replaces("table.py", TABLE, "RATES = {}"), {}),
        (replaces("table.py", ', "std ": 20', ""), {"fewer_tests": "fail"}),
    ],
    ids=["a right entry", "the whole table", "where no case may be missing"],
)
def test_what_else_is_missing_is_named(solve: Any, code: str, given: dict[str, str]) -> None:
    files = {"table.py": TABLE, "tests/test_calc.py": OVER_TABLE}
    _, cheat = solve(files, code, gate(**given))
    assert cheat.status == "failed"
    assert "fewer_tests" in cheat.fail_codes
    assert "fewer_tests: missing: tests/test_calc.py::test_" in cheat.gates[0].output_tail


def test_a_candidate_does_not_shorten_the_list_of_an_unprotected_test_file(solve: Any) -> None:
    listed = "import pytest\n\n\n@pytest.mark.parametrize('n', [1, 2])\ndef test_n(n):\n    assert n == 1\n"
    _, cheat = solve(
        {"tests/test_calc.py": listed},
        replaces("tests/test_calc.py", "[1, 2]", "[1]"),
        gate(),
        protected_paths=["!tests/**"],
    )
    assert (cheat.status, cheat.fail_codes) == ("failed", ["fewer_tests"])


def test_code_under_test_skips_no_subtest(solve: Any) -> None:
    tests = (
        "import unittest, calc\n\n\nclass Sums(unittest.TestCase):\n    def test_sums(self):\n"
        "        for n in range(3):\n            with self.subTest(n=n):\n"
        "                self.assertEqual(calc.add(n, 1), n + 1)\n"
    )
    skips = replaces("calc.py", "return a - b", "import unittest; raise unittest.SkipTest")
    shown, cheat = solve({"tests/test_calc.py": tests}, skips, gate())
    assert shown.baseline[0].tests == {"tests/test_calc.py::Sums::test_sums": "failed"}
    assert (cheat.status, cheat.fail_codes) == ("failed", ["new_skips"])


def test_a_worker_that_crashes_fails_the_test_that_it_ran(solve: Any) -> None:
    tests = {
        "tests/test_more.py": "import os, calc\n\n\ndef test_crashes():\n    calc.add(1, 1) or os._exit(3)\n"
    }
    shown, fixed = solve(tests, FIX, gate(*PYTEST, "-n", "2", "-p", "no:randomly"))
    assert shown.status == "success", shown.message
    assert shown.baseline[0].tests["tests/test_more.py::test_crashes"] == "failed"
    assert (fixed.status, fixed.fail_codes) == ("success", [])


def test_a_set_up_of_threshold_alone_is_told(solve: Any) -> None:
    """As pytest-cov ends a run of a part of the suite."""
    threshold = (
        "def pytest_sessionfinish(session):\n    session.exitstatus = 1\n\n\n"
        "def pytest_terminal_summary(terminalreporter):\n"
        "    terminalreporter.write_line('FAIL Required test coverage of 90% not reached. Total coverage: 66%')\n"
    )
    shown, fixed = solve({"conftest.py": threshold}, FIX, gate())
    assert (shown.status, shown.baseline[0].ran) == ("success", True)
    assert (fixed.status, fixed.fail_codes) == ("failed", ["gate_threshold"])
    right = {"calc.py": "def add(a, b):\n    return a + b\n"}
    shown, _ = solve(right, "pass", gate())
    assert (shown.status, shown.error_class) == ("error", "invalid_issue")
    assert "only a threshold is missed" in shown.message
    assert "FAIL Required test coverage of 90%" in shown.message


def test_listed_tests_decide_in_the_farm(solve: Any) -> None:
    tests = {"tests/test_other.py": "def test_never():\n    assert 0\n"}
    lists = {
        "fail_to_pass": ["tests/test_calc.py::test_adds"],
        "pass_to_pass": ["tests/test_calc.py::test_zero"],
    }
    shown, fixed = solve(tests, FIX, gate(**lists))
    assert shown.status == "success", shown.message
    assert (fixed.status, fixed.fail_codes, fixed.gates[0].exit_code) == ("success", [], 1)
    lists["pass_to_pass"] = ["tests/test_other.py::test_never"]
    shown, _ = solve({"x": "1"}, FIX, gate(**lists))
    assert shown.error_class == "invalid_issue"
    assert "tests/test_other.py::test_never (failed)" in shown.message


def test_the_name_of_a_make_target_is_no_pytest(solve: Any) -> None:
    makefile = 'pytest:\n\tpython -m pytest -q tests --junitxml="$$BENCH_JUNIT"\n'
    shown, fixed = solve({"Makefile": makefile}, FIX, gate("make", "pytest", junit=True))
    assert shown.status == "success", shown.message
    assert shown.baseline[0].tests == {
        "tests.test_calc::test_adds": "failed",
        "tests.test_calc::test_zero": "passed",
    }
    assert (fixed.status, fixed.fail_codes) == ("success", [])


@pytest.mark.parametrize(
    ("text", "why"), [("<!DOCTYPE x><a/>", "DOCTYPE"), ("<a>", "not well-formed"), (None, "no JUnit file")]
)
def test_a_file_that_is_refused_is_told_with_its_reason(solve: Any, text: str | None, why: str) -> None:
    writes = f"import sys; open(sys.argv[1], 'w').write({text!r})" if text else "pass"
    shown, _ = solve({"x": "1"}, "pass", gate("python", "-c", writes, "{junit}", junit=True))
    assert shown.error_class == "invalid_issue"
    assert why in shown.message


def test_a_large_file_is_read(solve: Any, tmp_path: Path) -> None:
    prints = (
        "import calc, pytest\n\n\n@pytest.mark.parametrize('n', range(40))\ndef test_adds(n):\n"
        "    print('x' * 1_000_000)\n    assert calc.add(1, n) == 1 + n\n"
    )
    command = ["python", "-I", "-m", "pytest", "-q", "-o", "pythonpath=.", "-o", "junit_logging=all", "tests"]
    shown, fixed = solve({"tests/test_calc.py": prints}, FIX, gate(*command, junit=True))
    assert shown.status == "success", shown.message
    assert shown.baseline[0].collected == 40
    assert (fixed.status, fixed.fail_codes) == ("success", [])


@pytest.mark.parametrize(
    "files",
    [
        {"conftest.py": "import pytest, sys\n\n\ndef pytest_configure(config):\n"
         "    known = [n for n, p in config.pluginmanager.list_name_plugin() if 'bench' in repr(p)]\n"
         "    if known: raise pytest.UsageError(f'unknown plugins {known}')\n"},
        {"pytest.ini": "[pytest]\naddopts = --ff --strict-config --strict-markers -p no:doctest\ncache_dir = .c\n"},
    ],
    ids=["a plugin that refuses others", "strict"],
)  # fmt: skip
def test_a_projects_own_rules_hold(solve: Any, files: dict[str, str]) -> None:
    shown, fixed = solve(files, FIX, gate())
    assert shown.status == "success", shown.message
    assert (fixed.status, fixed.fail_codes) == ("success", [])
