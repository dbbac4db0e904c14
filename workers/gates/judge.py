"""Verdict of one gate run, for a candidate and for the base commit. Pure: no file is touched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workers.gates.command import can_report
from workers.gates.identity import IsTestFile, compare
from workers.gates.listed import compare_listed, why_unusable
from workers.gates.output import failure_line
from workers.gates.suite import SuiteComparison, SuiteRun
from workers.result import GateResult
from workers.sandbox.process import EndedBy
from workers.sandbox.watchdog import EXCESS_CODES, excess_message
from workers.spec import Gate, GateBaseline, TestState

BASELINE_VERSION = 3
"""Version of what is stored of a gate on the base commit; results of another version are not reused."""
MAX_TESTS, MAX_TEXT = 20_000, 2_000_000
"""More tests, or longer ids together, are not kept with a baseline: every work order carries them."""
_RUNNER_TELLS = (0, 1)
"""Exit codes of pytest after all tests ran: all passed, or some failed."""


@dataclass(frozen=True)
class GateRun:
    """The facts of one run of one gate."""

    exit_code: int | None
    """None where it was stopped or could not start."""
    ended_by: EndedBy | None
    """None where it could not start."""
    duration_ms: int = 0
    output_tail: str = ""
    threshold: str = ""
    """The line of its output about a missed threshold, such as one of coverage."""
    suite: SuiteRun | None = None
    """None where the tests are not reported, or their end is not."""
    unfinished: Mapping[str, float] = field(default_factory=dict)
    """Tests that were running when it ended, with the seconds that each had run."""
    pointers_read: tuple[str, ...] = ()
    """Files that it read and that hold a pointer in place of their content."""
    why_no_tests: str = ""
    """Why `suite` is None, where it is known: the report was refused, or pytest did not start."""


def reports_tests(gate: Gate) -> bool:
    """Whether a gate's tests are reported one by one: by its settings, or because it runs pytest."""
    return requires_tests(gate) or can_report(gate.command)


def requires_tests(gate: Gate) -> bool:
    """Whether a gate has no verdict where its tests are not reported."""
    return gate.junit or gate.is_listed


def judge(gate: Gate, run: GateRun, baseline: GateBaseline | None, is_test_file: IsTestFile) -> GateResult:
    """The result of a gate on a candidate's patch, compared with the gate's baseline."""
    shown = _compared(gate, run, baseline, is_test_file)
    return GateResult(
        name=gate.name,
        passed=not shown.codes,
        required=gate.required,
        exit_code=run.exit_code,
        duration_ms=run.duration_ms,
        score=run.suite.score if run.suite else None,
        fail_codes=shown.codes,
        output_tail="\n".join([run.output_tail.rstrip("\n"), *shown.notes, *shown.warnings]),
        warnings=shown.warnings,
    )


def _compared(
    gate: Gate, run: GateRun, baseline: GateBaseline | None, is_test_file: IsTestFile
) -> SuiteComparison:
    """The fail codes of the run, with notes for each."""
    if run.ended_by is None or run.ended_by in ("cancel", "full"):
        return SuiteComparison(["not_run"])
    if run.ended_by in EXCESS_CODES:
        return SuiteComparison([EXCESS_CODES[run.ended_by]])
    if run.exit_code is None:
        return SuiteComparison(["timeout"])
    if run.suite is None:
        return _by_exit_code(gate, run, run.exit_code, baseline)
    if gate.is_listed:
        shown = compare_listed(gate, run.suite)
    else:
        shown = compare(run.suite, baseline, is_test_file, gate.fewer_tests)
        shown.codes[:0] = _runner_codes(run, run.suite, run.exit_code)
    if _is_forged(run.suite, baseline, passes=not shown.codes):
        shown.codes.append("gate_forged")
    return shown


def _by_exit_code(gate: Gate, run: GateRun, exit_code: int, baseline: GateBaseline | None) -> SuiteComparison:
    """Judge by the exit code alone, unless the baseline has tests: then they are missing now."""
    needed = requires_tests(gate)
    codes = [f"exit_{exit_code}"] if exit_code not in ((0, 1) if needed else (0,)) else []
    if needed or run.why_no_tests or (baseline is not None and baseline.tests is not None):
        codes.append("no_junit")
    return SuiteComparison(codes, [f"no_junit: {run.why_no_tests}"] if run.why_no_tests else [])


def _runner_codes(run: GateRun, suite: SuiteRun, exit_code: int) -> list[str]:
    """Fail codes by the runner's exit code: failed tests, or, where none failed, another reason."""
    if suite.count("failed") or suite.collection_errors:
        return [*([f"exit_{exit_code}"] if exit_code not in _RUNNER_TELLS else []), "tests_failed"]
    if exit_code and run.threshold:
        return ["gate_threshold"]
    return [f"exit_{exit_code}"] if exit_code else []


def _is_forged(suite: SuiteRun, baseline: GateBaseline | None, *, passes: bool) -> bool:
    """Whether the report is forged: the canary did not fail, or is missing in a passing run where the base had one."""
    canary_expected = passes and baseline is not None and baseline.canary
    return suite.forged or suite.canary is False or (suite.canary is None and canary_expected)


def as_baseline(gate: Gate, run: GateRun, environment: str | None = None) -> GateBaseline:
    """The baseline of a gate by its run on the base commit.

    A pytest gate ran where its exit code is that of tests (0, 1) or of a failed collection (2): a bug in the code
    under test often breaks the collection, so that is a legitimate failure. So is a test that never ends, or ends the
    whole run. Counts are kept only where everything was collected, because a candidate cannot match others.

    Args:
        environment: why the environment makes the gate fail; None where it does not.
    """
    detail = why_not_run(gate, run, environment)
    suite = run.suite
    counts = suite if suite is not None and not suite.collection_errors else None
    return GateBaseline(
        name=gate.name,
        passed=not _compared(gate, run, None, lambda _path: True).codes,
        ran=not detail,
        collected=counts.collected if counts else None,
        skipped=counts.count("skipped") if counts else None,
        xfailed=counts.count("xfailed") if counts else None,
        tests=kept_tests(suite),
        canary=suite is not None and suite.canary is True,
        duration_ms=run.duration_ms,
        detail=detail or failure_line(run.output_tail),
    )


def kept_tests(suite: SuiteRun | None) -> dict[str, TestState] | None:
    """A run's tests by id; None where there are none, or too many to keep."""
    if suite is None or not 0 < suite.collected <= MAX_TESTS or sum(map(len, suite.states)) > MAX_TEXT:
        return None
    return dict(suite.states)


def why_not_run(gate: Gate, run: GateRun, environment: str | None = None) -> str:
    """Why the run is no verdict on the code; empty where it is one."""
    if run.ended_by is None:
        return run.output_tail
    if environment is not None:
        return environment
    if hangs(gate, run) or crashes(gate, run):
        return ""
    if run.ended_by == "full" or run.ended_by in EXCESS_CODES:
        return excess_message(run.ended_by)
    if run.exit_code is None:
        return f"no end within {gate.timeout_seconds:g} seconds; {_NO_END_MEND}"
    if run.exit_code in (126, 127):
        return f"exit code {run.exit_code}: {failure_line(run.output_tail)}"
    if run.suite is None:
        goes_by_exit = not requires_tests(gate) and (
            run.exit_code in _RUNNER_TELLS or not can_report(gate.command)
        )
        return "" if goes_by_exit and not run.why_no_tests else _why_no_suite(gate, run)
    return _why_no_verdict(run, run.suite) or (
        why_unusable(gate, run.suite) if gate.is_listed else _why_only_threshold(run, run.suite)
    )


_NO_END_MEND = "raise its timeout_seconds, or, where that is the bug, set `base: hang`"


def hangs(gate: Gate, run: GateRun) -> bool:
    """Whether a run that timed out shows a bug: the gate expects it, or one test took at least half of the time."""
    longest = max(run.unfinished.values(), default=0.0)
    return run.ended_by == "budget" and (gate.base == "hang" or longest >= gate.timeout_seconds / 2)


def crashes(gate: Gate, run: GateRun) -> bool:
    """Whether a run that ended early shows a bug: the gate expects it, or a test was running."""
    if run.suite is not None or run.exit_code in (126, 127):
        return False
    if gate.base == "crash":
        return run.ended_by in EXCESS_CODES or run.exit_code not in (None, 0)
    return run.ended_by == "exit" and bool(run.unfinished)


def _why_no_suite(gate: Gate, run: GateRun) -> str:
    what = "pytest did not report its tests" if can_report(gate.command) else "no JUnit file"
    return f"{run.why_no_tests or what}, exit code {run.exit_code}: {failure_line(run.output_tail)}"


def _why_no_verdict(run: GateRun, suite: SuiteRun) -> str:
    if suite.canary is False:
        return "a test that must fail did not: the project's test set-up hides failures from this gate"
    if suite.forged:
        return "its report of tests was not written by the test runner"
    nothing = suite.collected == 0 and not suite.collection_errors
    if run.exit_code not in (*_RUNNER_TELLS, 2) or nothing:
        return f"no test was run, exit code {run.exit_code}: {failure_line(run.output_tail)}"
    return ""


def _why_only_threshold(run: GateRun, suite: SuiteRun) -> str:
    if run.threshold and _runner_codes(run, suite, run.exit_code or 0) == ["gate_threshold"]:
        return f"all its tests pass, and only a threshold is missed, which no fix of the code meets: {run.threshold}"
    return ""


def baseline_of(name: str, baselines: Sequence[GateBaseline]) -> GateBaseline | None:
    """The baseline of the gate of that name."""
    return next((each for each in baselines if each.name == name), None)
