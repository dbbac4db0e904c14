"""What gate runs are taken for."""

import pytest

from workers.gates.judge import GateRun, as_baseline, judge
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


def run(exit_code: int | None = 0, suite: SuiteRun | None = None, **given: object) -> GateRun:
    return GateRun(exit_code, "exit" if exit_code is not None else "budget", suite=suite, **given)  # type: ignore[arg-type]


def suite(**states: TestState) -> SuiteRun:
    """A run of tests `t.py::<name>`, canary included."""
    return SuiteRun({f"t.py::{name}": state for name, state in states.items()}, canary=True)


def judged(facts: GateRun, baseline: GateBaseline | None = BASE, gate: Gate = GATE) -> GateResult:
    return judge(gate, facts, baseline, lambda path: path == "t.py")


ALL_PASS = suite(a="passed", b="passed", c="passed")
BROKEN = SuiteRun(collection_errors={"t.py": "NameError"})


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
    case = SuiteRun({"t.py::p[<x at 0x3>]": "passed"}, canary=True)
    assert judged(run(0, two), base).passed
    assert judged(run(0, case), base).fail_codes == ["fewer_tests"]


def test_another_parameter_is_another_test() -> None:
    base = BASE.model_copy(update={"tests": {"t.py::p[right]": "passed", "t.py::p[wrong]": "failed"}})
    swapped = SuiteRun({"t.py::p[wrong]": "passed", "t.py::p[easy]": "passed"}, canary=True)
    result = judged(run(0, swapped), base)
    assert result.fail_codes == ["fewer_tests"]
    assert result.output_tail.endswith("fewer_tests: missing: t.py::p[right]")


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
    reported = SuiteRun(shown.states, dict.fromkeys(shown.states, "t.py"), canary=True)
    assert judged(run(0, reported), COUNTED).fail_codes == codes


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


@pytest.mark.parametrize(
    ("exit_code", "threshold", "shown", "codes"),
    [
        (1, "FAIL Required test coverage", ALL_PASS, ["gate_threshold"]),
        (2, "Coverage failure", ALL_PASS, ["gate_threshold"]),
        (1, "FAIL Required test coverage", suite(a="failed", b="passed", c="passed"), ["tests_failed"]),
        (0, "Coverage failure", ALL_PASS, []),
        (1, "", ALL_PASS, ["exit_1"]),
        (3, "", ALL_PASS, ["exit_3"]),
    ],
)
def test_a_threshold_is_no_failing_test(
    exit_code: int, threshold: str, shown: SuiteRun, codes: list[str]
) -> None:
    assert judged(run(exit_code, shown, threshold=threshold)).fail_codes == codes


def test_a_threshold_alone_is_nothing_to_solve() -> None:
    shown = as_baseline(GATE, run(1, ALL_PASS, threshold="FAIL Required test coverage of 90% not reached"))
    assert not shown.ran
    assert shown.detail.endswith("FAIL Required test coverage of 90% not reached")
    failing = run(1, suite(a="failed"), threshold="FAIL Required test coverage of 90% not reached")
    assert as_baseline(GATE, failing).ran


def test_why_tests_are_not_told_is_told() -> None:
    facts = run(1, why_no_tests="the JUnit file is too large", output_tail="1 failed in 0.1s")
    result = judged(facts)
    assert result.fail_codes == ["no_junit"]
    assert "no_junit: the JUnit file is too large" in result.output_tail
    assert as_baseline(GATE, facts).detail == "the JUnit file is too large, exit code 1: 1 failed in 0.1s"


def test_a_plain_gate_whose_pytest_did_not_start_is_no_failure_of_the_code() -> None:
    plain = Gate(name="p", command=["pytest"])
    facts = run(
        4, why_no_tests="pytest did not start its tests", output_tail="x: error: unrecognized arguments: -y"
    )
    shown = as_baseline(plain, facts)
    assert not shown.ran
    assert shown.detail.endswith("error: unrecognized arguments: -y")
    assert judged(facts, None, plain).fail_codes == ["exit_4", "no_junit"]
    assert not as_baseline(plain, run(139)).ran
    assert as_baseline(plain.model_copy(update={"base": "crash"}), run(139)).ran


GOOD = BASE.model_copy(update={"known_good_tests": {"t.py::a": "passed", "t.py::c": "passed"}})


@pytest.mark.parametrize(
    ("shown", "codes"),
    [
        (suite(a="passed", c="passed"), []),
        (suite(a="passed", b="passed", c="passed"), []),
        (suite(b="passed", c="passed"), ["fewer_tests"]),
        (suite(a="passed", c="skipped"), ["new_skips"]),
        (suite(a="skipped", c="passed"), ["new_skips"]),
    ],
)
def test_what_a_known_good_commit_shows_is_expected(shown: SuiteRun, codes: list[str]) -> None:
    assert judged(run(0, shown), GOOD).fail_codes == codes


def test_what_a_known_good_commit_skips_may_be_skipped() -> None:
    good = BASE.model_copy(
        update={"known_good_tests": {"t.py::a": "skipped", "t.py::b": "passed", "t.py::c": "xfailed"}}
    )
    assert judged(run(0, suite(a="skipped", b="passed", c="xfailed")), good).passed
    assert judged(run(0, suite(a="xfailed", b="passed", c="xfailed")), good).fail_codes == ["new_xfails"]


def test_a_known_good_commit_is_stricter_about_parametrised_sets_than_a_policy() -> None:
    tests: dict[str, TestState] = {"t.py::p[a]": "passed", "t.py::p[b]": "failed", "t.py::p[c]": "failed"}
    good = BASE.model_copy(
        update={"tests": tests, "known_good_tests": {"t.py::p[a]": "passed", "t.py::p[b]": "passed"}}
    )
    warns = Gate(name="g", command=["pytest"], fewer_tests="warn")
    right = SuiteRun({"t.py::p[a]": "passed", "t.py::p[b]": "passed"}, canary=True)
    short = SuiteRun({"t.py::p[a]": "passed"}, canary=True)
    assert judged(run(0, right), good, warns).passed
    assert judged(run(0, short), good, warns).fail_codes == ["fewer_tests"]


def test_a_parametrised_set_that_shrinks_is_warned_about() -> None:
    base = BASE.model_copy(update={"tests": {"t.py::p[a]": "passed", "t.py::p[b]": "failed"}})
    result = judged(run(0, SuiteRun({"t.py::p[a]": "passed"}, canary=True)), base)
    assert (result.passed, result.fail_codes) == (True, [])
    assert "t.py::p[b]" in result.warnings[0]
    assert result.output_tail.endswith(result.warnings[0])


def test_a_list_of_what_is_missing_is_bounded() -> None:
    base = BASE.model_copy(
        update={"tests": {f"t.py::{'x' * 500}{number}": "failed" for number in range(9999)}}
    )
    result = judged(run(0, suite(a="passed")), base)
    assert result.fail_codes == ["fewer_tests"]
    assert result.output_tail.endswith("and 9989 more")
    assert len(result.output_tail) < 2500


def test_a_skipped_part_counts_where_no_test_file_skipped_it() -> None:
    for file, codes in (("calc.py", ["new_skips"]), ("t.py", [])):
        shown = SuiteRun(ALL_PASS.states, {f"t.py::a (part, {file})": file}, canary=True)
        assert judged(run(0, shown)).fail_codes == codes
