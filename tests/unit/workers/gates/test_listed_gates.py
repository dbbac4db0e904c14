"""Gates with lists of tests, as published data sets write them."""

import json

import pytest
from pydantic import ValidationError

from workers.gates.judge import GateRun, as_baseline, judge, reports_tests
from workers.gates.suite import SuiteRun
from workers.result import GateResult
from workers.spec import Gate, GateBaseline, TestState

FIXED, KEPT = "tests/test_a.py::TestA::test_new[x y]", "tests/test_a.py::test_old"
GATE = Gate(name="g", command=["pytest"], fail_to_pass=[FIXED], pass_to_pass=[KEPT])
GOOD: dict[str, TestState] = {FIXED: "passed", KEPT: "passed", "tests/test_b.py::test_other": "failed"}
BASE = GateBaseline(name="g", passed=False, canary=True)


def ran(states: dict[str, TestState], exit_code: int = 1, **given: object) -> GateRun:
    return GateRun(exit_code, "exit", suite=SuiteRun(states, canary=True, **given))  # type: ignore[arg-type]


def judged(run: GateRun, gate: Gate = GATE) -> GateResult:
    return judge(gate, run, BASE, lambda _path: False)


@pytest.mark.parametrize(
    ("states", "codes"),
    [
        (GOOD, []),
        ({**GOOD, KEPT: "failed"}, ["tests_failed"]),
        ({**GOOD, FIXED: "skipped"}, ["new_skips"]),
        ({**GOOD, FIXED: "xfailed"}, ["new_xfails"]),
        ({KEPT: "passed"}, ["fewer_tests"]),
        ({KEPT: "failed"}, ["tests_failed", "fewer_tests"]),
        ({}, ["fewer_tests"]),
    ],
)
def test_listed_tests_alone_decide(states: dict[str, TestState], codes: list[str]) -> None:
    assert judged(ran(states)).fail_codes == codes


def test_what_is_wrong_is_named() -> None:
    result = judged(ran({KEPT: "failed"}))
    assert f"tests_failed: listed tests that are failed: {KEPT}" in result.output_tail
    assert f"fewer_tests: listed tests that are missing: {FIXED}" in result.output_tail


def test_a_run_without_its_canary_is_forged_also_here() -> None:
    run = GateRun(0, "exit", suite=SuiteRun(GOOD, canary=None))
    assert judged(run).fail_codes == ["gate_forged"]


@pytest.mark.parametrize(
    "listed",
    [
        "tests/test_a.py::TestA::test_new",
        "tests/test_a.py::TestA",
        "tests/test_a.py",
        "tests/test_a.py::TestA::test_new[x",
    ],
    ids=["a parametrised test", "a class", "a file", "an id that was cut at a space"],
)
def test_an_id_may_name_several_tests(listed: str) -> None:
    gate = Gate(name="g", command=["pytest"], fail_to_pass=[listed])
    assert judged(ran(GOOD), gate).passed
    assert judged(ran({**GOOD, FIXED: "failed"}), gate).fail_codes == ["tests_failed"]
    assert judged(ran({"tests/test_ab.py::test_old": "passed"}), gate).fail_codes == ["fewer_tests"]


def test_an_id_of_pytest_is_found_in_a_junit_file() -> None:
    states: dict[str, TestState] = {
        "tests.test_a.TestA::test_new[x y]": "passed",
        "tests.test_a::test_old": "passed",
    }
    assert judged(ran(states)).passed


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (ran({KEPT: "passed", FIXED: "failed"}), ""),
        (ran({KEPT: "passed"}), ""),
        (ran({}, 2, collection_errors={"tests/test_a.py": "NameError"}), ""),
        (
            ran({KEPT: "passed", FIXED: "passed"}),
            f"every test of fail_to_pass passes on the base commit: {FIXED}",
        ),
        (
            ran({KEPT: "failed", FIXED: "failed"}),
            f"pass_to_pass do not pass on the base commit: {KEPT} (failed)",
        ),
        (ran({FIXED: "failed"}), f"{KEPT} (missing)"),
        (ran({KEPT: "skipped", FIXED: "failed"}), f"{KEPT} (skipped)"),
    ],
)
def test_lists_that_cannot_judge_are_told_on_the_base_commit(run: GateRun, words: str) -> None:
    shown = as_baseline(GATE, run)
    assert (shown.ran, shown.passed) == (
        not words,
        FIXED in (run.suite.states if run.suite else {}) and "every" in words,
    )
    assert not words or words in shown.detail


def test_a_list_of_what_must_stay_may_pass_on_the_base_commit() -> None:
    gate = Gate(name="g", command=["pytest"], pass_to_pass=[KEPT])
    shown = as_baseline(gate, ran({KEPT: "passed", FIXED: "failed"}))
    assert (shown.ran, shown.passed) == (True, True)


def test_lists_have_the_names_and_the_form_of_data_sets() -> None:
    written = {"name": "g", "command": "pytest", "FAIL_TO_PASS": json.dumps([FIXED]), "PASS_TO_PASS": [KEPT]}
    assert Gate.model_validate(written) == GATE
    assert Gate.model_validate(GATE.model_dump()) == GATE
    with pytest.raises(ValidationError, match="FAIL_TO_PASS"):
        Gate.model_validate({**written, "fail_to_pass": [FIXED]})
    for wrong in ("x", '["x"', [1], [""], ["x"] * 20_001):
        with pytest.raises(ValidationError):
            Gate(name="g", command=["pytest"], fail_to_pass=wrong)


def test_a_gate_without_lists_is_written_as_before_there_were_any() -> None:
    plain = Gate(name="g", command=["pytest"])
    assert plain.model_dump() == {
        "name": "g",
        "command": ["pytest"],
        "required": True,
        "timeout_seconds": 300.0,
        "junit": False,
    }
    assert Gate(name="g", command=["pytest"], fewer_tests="warn").model_dump()["fewer_tests"] == "warn"


def test_a_listed_gate_needs_its_tests_told() -> None:
    gate = Gate(name="g", command=["make", "test"], fail_to_pass=[FIXED])
    assert reports_tests(gate)
    assert judge(gate, GateRun(0, "exit"), None, lambda _path: False).fail_codes == ["no_junit"]
    assert not as_baseline(gate, GateRun(1, "exit")).ran


def test_long_lists_are_judged_at_once() -> None:
    names = [f"tests/test_{number}.py::test_x" for number in range(20_000)]
    gate = Gate(name="g", command=["pytest"], pass_to_pass=names)
    assert judged(ran(dict.fromkeys(names, "passed")), gate).passed
    assert judged(ran({f"{name}[a]": "passed" for name in names}), gate).passed
