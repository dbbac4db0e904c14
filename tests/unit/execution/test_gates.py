"""What JUnit files and gate runs are taken for."""

from pathlib import Path

import pytest

from workers.gates.judge import GateRun, as_baseline, judge
from workers.gates.junit import Junit, read_junit
from workers.spec import Gate, GateBaseline

GATE = Gate(name="g", command=["pytest"], junit=True)
PLAIN = Gate(name="p", command=["make"])
BASE = GateBaseline(name="g", passed=False, collected=3, skipped=1, xfailed=0)
CASES = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" tests="5">
<testcase classname="t" name="a"/>
<testcase classname="t" name="b"><failure message="x">x</failure></testcase>
<testcase classname="t" name="c"><error message="failed on setup">x</error></testcase>
<testcase classname="t" name="d"><skipped type="pytest.skip" message="s"/></testcase>
<testcase classname="t" name="e"><skipped type="pytest.xfail" message=""/></testcase>
<testcase classname="" name="t.f"><error message="collection failure">
E   ModuleNotFoundError: No module named 'numpy.core'</error></testcase>
</testsuite></testsuites>"""


def run(exit_code: int | None = 0, junit: Junit | None = None, **given: object) -> GateRun:
    return GateRun(exit_code, "exit" if exit_code is not None else "budget", junit=junit, **given)  # type: ignore[arg-type]


def counts(collected: int = 3, failed: int = 0, skipped: int = 1, xfailed: int = 0) -> Junit:
    return Junit(collected, failed, skipped, xfailed)


def test_a_junit_file_is_counted(tmp_path: Path) -> None:
    (tmp_path / "j").write_text(CASES)
    assert read_junit(tmp_path / "j") == Junit(5, 2, 1, 1, 1, ("numpy",))
    assert Junit(5, 2, 1, 1).score == 0.25
    assert Junit(0, 0, 0, 0).score is None


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
        (run(0, counts()), []),
        (run(1, counts(failed=1)), ["tests_failed"]),
        (run(0, counts(failed=1)), ["tests_failed"]),
        (run(0, counts(collected=2)), ["fewer_tests"]),
        (run(0, counts(skipped=2)), ["new_skips"]),
        (run(0, counts(xfailed=1)), ["new_xfails"]),
        (run(0, counts(collected=9)), []),
        (run(0), ["no_junit"]),
        (run(139), ["exit_139", "no_junit"]),
        (run(None), ["timeout"]),
        (GateRun(None, None), ["not_run"]),
    ],
)
def test_a_gate_passes_only_with_all_its_tests(facts: GateRun, codes: list[str]) -> None:
    result = judge(GATE, facts, BASE)
    assert (result.passed, result.fail_codes) == (not codes, codes)


def test_a_plain_gate_goes_by_its_exit_code() -> None:
    assert judge(PLAIN, run(0), None).passed
    assert judge(PLAIN, run(2), None).fail_codes == ["exit_2"]


def test_without_counts_on_base_only_an_empty_run_is_suspicious() -> None:
    uncounted = GateBaseline(name="g", passed=False)
    assert judge(GATE, run(0, counts(skipped=3)), uncounted).passed
    assert judge(GATE, run(0, counts(collected=0, skipped=0)), uncounted).fail_codes == ["fewer_tests"]


@pytest.mark.parametrize(
    ("gate", "facts", "ran"),
    [
        (GATE, run(1, counts(failed=1)), True),
        (GATE, run(0, counts()), True),
        (GATE, run(2, Junit(0, 0, 0, 0, 1)), True),
        (GATE, run(2, Junit(0, 0, 0, 0, 1), absent_modules=("numpy",)), False),
        (GATE, run(5, counts(collected=0, skipped=0)), False),
        (GATE, run(4, counts(collected=0, skipped=0)), False),
        (GATE, run(3, counts()), False),
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
