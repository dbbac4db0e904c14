"""What JUnit files and gate runs are taken for."""

from pathlib import Path

import pytest

from workers.gates.judge import GateRun, as_baseline, judge
from workers.gates.junit import read_junit
from workers.gates.suite import SuiteRun
from workers.result import GateResult
from workers.spec import Gate, GateBaseline, TestState

GATE = Gate(name="g", command=["pytest"], junit=True)
HANGS, CRASHES = GATE.model_copy(update={"base": "hang"}), GATE.model_copy(update={"base": "crash"})
PLAIN = Gate(name="p", command=["make"])
COUNTED = GateBaseline(name="g", passed=False, collected=3, skipped=1, xfailed=0)
"""As an older farm kept it: without ids."""
TESTS: dict[str, TestState] = {"t.py::a": "passed", "t.py::b": "failed", "t.py::c": "skipped"}
BASE = COUNTED.model_copy(update={"tests": TESTS, "canary": True})
CASES = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" tests="5">
<testcase classname="t" name="a"/>
<testcase classname="t" name="b"><failure message="x">x</failure></testcase>
<testcase classname="t" name="b"><error message="failed on teardown">x</error></testcase>
<testcase classname="t" name="c"><error message="failed on setup">x</error></testcase>
<testcase classname="t" name="d"><skipped type="pytest.skip" message="s"/></testcase>
<testcase classname="t" name="e"><skipped type="pytest.xfail" message=""/></testcase>
<testcase classname="" name="t.f"><error message="collection failure">
E   ModuleNotFoundError: No module named 'numpy.core'</error></testcase>
</testsuite></testsuites>"""


def run(exit_code: int | None = 0, suite: SuiteRun | None = None, **given: object) -> GateRun:
    return GateRun(exit_code, "exit" if exit_code is not None else "budget", suite=suite, **given)  # type: ignore[arg-type]


def suite(**states: TestState) -> SuiteRun:
    """A run of tests `t.py::<name>`, canary included."""
    return SuiteRun({f"t.py::{name}": state for name, state in states.items()}, canary=True)


def judged(facts: GateRun, baseline: GateBaseline | None = BASE, gate: Gate = GATE) -> GateResult:
    return judge(gate, facts, baseline, lambda path: path == "t.py")


ALL_PASS = suite(a="passed", b="passed", c="passed")
BROKEN = SuiteRun(collection_errors={"t.py": "NameError"})


def test_a_junit_file_is_read_test_by_test(tmp_path: Path) -> None:
    (tmp_path / "j").write_text(CASES)
    read = read_junit(tmp_path / "j")
    assert read is not None
    assert read.states == {
        "t::a": "passed",
        "t::b": "failed",
        "t::c": "failed",
        "t::d": "skipped",
        "t::e": "xfailed",
    }
    assert list(read.collection_errors) == ["::t.f"]
    assert read.score == 0.25
    assert SuiteRun().score is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not xml",
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><testsuites>&b;</testsuites>',
        "<testsuites><testcase></testsuites>",
        "<a>" * 100_000,
    ],
)
def test_a_junit_file_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "j").write_text(text)
    assert read_junit(tmp_path / "j") is None


def test_a_junit_file_that_is_a_link_or_in_another_encoding_is_none(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(CASES)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "wide").write_bytes(CASES.replace("utf-8", "utf-16").encode("utf-16"))
    assert read_junit(tmp_path / "link") is None
    assert read_junit(tmp_path / "wide") is None
    assert read_junit(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        (run(0, ALL_PASS), []),
        (run(0, suite(a="passed", b="passed", c="skipped")), []),
        (run(0, suite(a="passed", b="passed", c="passed", more="passed")), []),
        (run(1, suite(a="passed", b="failed", c="skipped")), ["tests_failed"]),
        (run(0, suite(a="passed", b="failed", c="skipped")), ["tests_failed"]),
        (run(0, suite(a="passed", c="skipped")), ["fewer_tests"]),
        (run(0, suite(a="passed", c="skipped", other="passed")), ["fewer_tests"]),
        (run(0, suite(a="passed", b="skipped", c="skipped")), ["new_skips"]),
        (run(0, suite(a="passed", b="skipped", c="passed")), ["new_skips"]),
        (run(0, suite(a="passed", b="xfailed", c="skipped")), ["new_xfails"]),
        (run(0), ["no_junit"]),
        (run(139), ["exit_139", "no_junit"]),
        (run(None), ["timeout"]),
        (GateRun(None, None), ["not_run"]),
    ],
)
def test_a_gate_passes_only_with_all_its_tests(facts: GateRun, codes: list[str]) -> None:
    result = judged(facts)
    assert (result.passed, result.fail_codes) == (not codes, codes)


@pytest.mark.parametrize(
    ("shown", "codes"),
    [
        (SuiteRun(ALL_PASS.states, canary=False), ["gate_forged"]),
        (SuiteRun(ALL_PASS.states, canary=None), ["gate_forged"]),
        (SuiteRun(ALL_PASS.states, canary=True, forged=True), ["gate_forged"]),
        (
            SuiteRun({"t.py::a": "failed", "t.py::b": "failed", "t.py::c": "passed"}, canary=None),
            ["tests_failed"],
        ),
    ],
)
def test_a_run_whose_canary_did_not_fail_is_forged(shown: SuiteRun, codes: list[str]) -> None:
    assert judged(run(int("tests_failed" in codes), shown)).fail_codes == codes


def test_a_canary_is_missed_only_where_the_base_had_one() -> None:
    without = BASE.model_copy(update={"canary": False})
    assert judged(run(0, SuiteRun(ALL_PASS.states)), without).passed


def test_parameters_without_a_fixed_id_are_told_by_number() -> None:
    base = BASE.model_copy(
        update={"tests": {"t.py::p[<x at 0x1>]": "failed", "t.py::p[<x at 0x2>]": "passed"}}
    )
    two = SuiteRun({"t.py::p[<x at 0x3>]": "passed", "t.py::p[<x at 0x4>]": "passed"}, canary=True)
    one = SuiteRun({"t.py::p[<x at 0x3>]": "passed"}, canary=True)
    assert judged(run(0, two), base).passed
    assert judged(run(0, one), base).fail_codes == ["fewer_tests"]


def test_another_parameter_is_another_test() -> None:
    base = BASE.model_copy(update={"tests": {"t.py::p[right]": "passed", "t.py::p[wrong]": "failed"}})
    swapped = SuiteRun({"t.py::p[right]": "passed", "t.py::p[easy]": "passed"}, canary=True)
    assert judged(run(0, swapped), base).fail_codes == ["fewer_tests"]


@pytest.mark.parametrize(
    ("raised_in", "codes"),
    [("t.py", []), ("calc.py", ["new_skips"]), ("", ["new_skips"])],
)
def test_what_the_base_did_not_show_is_skipped_by_test_files_only(raised_in: str, codes: list[str]) -> None:
    blank = GateBaseline(name="g", passed=False)
    shown = SuiteRun({"t.py::a": "passed", "t.py::b": "skipped"}, {"t.py::b": raised_in}, canary=True)
    assert judged(run(0, shown), blank).fail_codes == codes
    whole = SuiteRun({"t.py::a": "passed"}, {"u.py": raised_in}, canary=True)
    assert judged(run(0, whole), blank).fail_codes == codes


def test_something_must_pass() -> None:
    shown = SuiteRun({"t.py::a": "skipped"}, {"t.py::a": "t.py"}, canary=True)
    assert judged(run(0, shown), GateBaseline(name="g", passed=False)).fail_codes == ["none_passed"]
    assert judged(run(5, SuiteRun()), None).fail_codes == ["exit_5", "fewer_tests"]


@pytest.mark.parametrize(
    ("shown", "codes"),
    [
        (suite(a="passed", b="passed", c="skipped"), []),
        (suite(a="passed", b="passed"), ["fewer_tests"]),
        (suite(a="passed", b="skipped", c="skipped"), ["new_skips"]),
    ],
)
def test_a_baseline_without_ids_is_held_by_number(shown: SuiteRun, codes: list[str]) -> None:
    told = SuiteRun(shown.states, dict.fromkeys(shown.states, "t.py"), canary=True)
    assert judged(run(0, told), COUNTED).fail_codes == codes


def test_a_plain_gate_goes_by_its_exit_code() -> None:
    assert judged(run(0), None, PLAIN).passed
    assert judged(run(2), None, PLAIN).fail_codes == ["exit_2"]
    assert judged(run(0), COUNTED, PLAIN).passed, "tests that were never told are not missed"
    assert judged(run(0), BASE, PLAIN).fail_codes == ["no_junit"]


@pytest.mark.parametrize(
    ("gate", "facts", "ran"),
    [
        (GATE, run(1, suite(a="failed")), True),
        (GATE, run(0, suite(a="passed")), True),
        (GATE, run(2, BROKEN), True),
        (HANGS, run(None), True),
        (GATE, run(None, unfinished={"t.py::a": 299.0}), True),
        (GATE, run(None, unfinished={"t.py::a": 2.0}), False),
        (CRASHES, run(139), True),
        (CRASHES, run(127), False),
        (GATE, run(139, unfinished={"t.py::a": 0.1}), True),
        (GATE, run(139), False),
        (GATE, run(5, SuiteRun()), False),
        (GATE, run(4, SuiteRun()), False),
        (GATE, run(3, suite(a="passed")), False),
        (GATE, run(0, SuiteRun({"t.py::a": "passed"}, canary=False)), False),
        (GATE, run(1), False),
        (GATE, run(None), False),
        (PLAIN, run(1), True),
        (PLAIN, run(127), False),
        (PLAIN, GateRun(None, None, output_tail="no program"), False),
    ],
)
def test_a_gate_ran_on_base_where_it_said_something_of_the_code(
    gate: Gate, facts: GateRun, ran: bool
) -> None:
    shown = as_baseline(gate, facts)
    assert shown.ran is ran
    assert ran or shown.detail


@pytest.mark.parametrize("facts", [run(2, BROKEN), run(None), run(139, unfinished={"t.py::a": 0.1})])
def test_a_failure_of_the_environment_is_none_of_the_code(facts: GateRun) -> None:
    shown = as_baseline(HANGS, facts, "the environment lacks the module numpy")
    assert (shown.ran, shown.detail) == (False, "the environment lacks the module numpy")


def test_a_baseline_keeps_its_tests_by_id() -> None:
    kept = as_baseline(GATE, run(1, suite(a="passed", b="failed")))
    assert (kept.tests, kept.canary) == ({"t.py::a": "passed", "t.py::b": "failed"}, True)
    many = SuiteRun({f"t.py::{number}": "failed" for number in range(20_001)}, canary=True)
    assert (as_baseline(GATE, run(1, many)).tests, as_baseline(GATE, run(1, many)).collected) == (
        None,
        20_001,
    )
