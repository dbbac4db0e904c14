"""What one gate run means, for a candidate and for the base commit. Pure: no file is touched here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from workers.gates.command import can_report
from workers.gates.identity import compare
from workers.gates.suite import SuiteRun
from workers.result import GateResult
from workers.sandbox.bounds import EXCESS_CODES, excess_words
from workers.sandbox.process import EndedBy
from workers.spec import Gate, GateBaseline

BASELINE_VERSION = 3
"""What is kept of a gate on the base commit; where it changes, older results are not used again."""
MAX_TESTS, MAX_TEXT = 20_000, 2_000_000
"""More tests, or longer ids together, are not kept with a baseline: every work order carries them."""
_RUNNER_TELLS = (0, 1)
"""Exit codes of pytest that mean: all tests ran, and this is what came of them."""

IsTestFile = Callable[[str], bool]
"""Whether a path, relative to the check-out, is a test file that the candidate has not changed."""


@dataclass(frozen=True)
class GateRun:
    """The facts of one run of one gate."""

    exit_code: int | None
    """None where it was stopped or could not start."""
    ended_by: EndedBy | None
    """None where it could not start."""
    duration_ms: int = 0
    output_tail: str = ""
    suite: SuiteRun | None = None
    """None where the tests are not told, or the run told no end of them."""
    unfinished: Mapping[str, float] = field(default_factory=dict)
    """Tests that it was in when it ended, with the seconds that each had run."""
    pointers_read: tuple[str, ...] = ()
    """Files that it read and that hold a pointer in place of their content."""


def tells_tests(gate: Gate) -> bool:
    """Whether a gate's tests are told one by one: where it says so, and where it is pytest anyway."""
    return gate.junit or can_report(gate.command)


def judge(gate: Gate, run: GateRun, baseline: GateBaseline | None, is_test_file: IsTestFile) -> GateResult:
    """The result of a gate on a candidate's diff, held against what the gate showed on the base commit."""
    codes = _fail_codes(gate, run, baseline, is_test_file)
    return GateResult(
        name=gate.name,
        passed=not codes,
        required=gate.required,
        exit_code=run.exit_code,
        duration_ms=run.duration_ms,
        score=run.suite.score if run.suite else None,
        fail_codes=codes,
        output_tail=run.output_tail,
    )


def _fail_codes(
    gate: Gate, run: GateRun, baseline: GateBaseline | None, is_test_file: IsTestFile
) -> list[str]:
    if run.ended_by is None or run.ended_by in ("cancel", "full"):
        return ["not_run"]
    if run.ended_by in EXCESS_CODES:
        return [EXCESS_CODES[run.ended_by]]
    if run.exit_code is None:
        return ["timeout"]
    if not gate.junit and run.suite is None:
        return _plain_codes(run.exit_code, baseline)
    codes = [] if run.exit_code in _RUNNER_TELLS else [f"exit_{run.exit_code}"]
    if run.suite is None:
        return [*codes, "no_junit"]
    if run.suite.count("failed") or run.suite.collection_errors or run.exit_code == 1:
        codes.append("tests_failed")
    codes += compare(run.suite, baseline, is_test_file)
    return [*codes, "gate_forged"] if _is_forged(run.suite, baseline, passes=not codes) else codes


def _plain_codes(exit_code: int, baseline: GateBaseline | None) -> list[str]:
    """By the exit code alone, unless the tests were told on the base commit: then they are missing now."""
    codes = [f"exit_{exit_code}"] if exit_code else []
    return [*codes, "no_junit"] if baseline is not None and baseline.tests is not None else codes


def _is_forged(suite: SuiteRun, baseline: GateBaseline | None, *, passes: bool) -> bool:
    """A canary that did not fail, or is missing from a run that passes where the base commit had one."""
    canary_expected = passes and baseline is not None and baseline.canary
    return suite.forged or suite.canary is False or (suite.canary is None and canary_expected)


def as_baseline(gate: Gate, run: GateRun, environment: str | None = None) -> GateBaseline:
    """What a gate shows on the base commit; `environment` is why its failure is none of the code, where it is not.

    A pytest gate ran when pytest says so: tests passed or failed (exit codes 0 and 1), or files could not be
    collected (2). The last is how a bug in the code under test often shows, so it is an honest failure. So is a test
    that never ends, or ends the whole run.
    Counts are kept only where everything was collected: a candidate cannot be held to a broken collection.
    """
    detail = why_not_run(gate, run, environment)
    suite = run.suite
    counts = suite if suite is not None and not suite.collection_errors else None
    told = suite is not None and 0 < suite.collected <= MAX_TESTS and sum(map(len, suite.states)) <= MAX_TEXT
    return GateBaseline(
        name=gate.name,
        passed=not _fail_codes(gate, run, None, lambda _path: True),
        ran=not detail,
        collected=counts.collected if counts else None,
        skipped=counts.count("skipped") if counts else None,
        xfailed=counts.count("xfailed") if counts else None,
        tests=dict(suite.states) if suite is not None and told else None,
        canary=suite is not None and suite.canary is True,
        duration_ms=run.duration_ms,
        detail=detail or last_line(run.output_tail),
    )


def why_not_run(gate: Gate, run: GateRun, environment: str | None = None) -> str:
    """Why the gate says nothing about the code; empty where it does."""
    if run.ended_by is None:
        return run.output_tail
    if environment is not None:
        return environment
    if hangs(gate, run) or crashes(gate, run):
        return ""
    if run.ended_by == "full" or run.ended_by in EXCESS_CODES:
        return excess_words(run.ended_by)
    if run.exit_code is None:
        return f"no end within {gate.timeout_seconds:g} seconds; {_NO_END_MEND}"
    if run.exit_code in (126, 127):
        return f"exit code {run.exit_code}: {last_line(run.output_tail)}"
    if run.suite is None:
        goes_by_exit = not gate.junit and (run.exit_code in _RUNNER_TELLS or not can_report(gate.command))
        return "" if goes_by_exit else _why_no_suite(gate, run)
    return _why_no_verdict(run, run.suite)


_NO_END_MEND = "raise its timeout_seconds, or, where that is the bug, set `base: hang`"


def hangs(gate: Gate, run: GateRun) -> bool:
    """Whether a run that was stopped at its time limit shows a bug: the gate says so, or one test took most of it."""
    longest = max(run.unfinished.values(), default=0.0)
    return run.ended_by == "budget" and (gate.base == "hang" or longest >= gate.timeout_seconds / 2)


def crashes(gate: Gate, run: GateRun) -> bool:
    """Whether a run that ended too early shows a bug: the gate says so, or it was in the middle of a test."""
    if run.suite is not None or run.exit_code in (126, 127):
        return False
    if gate.base == "crash":
        return run.ended_by in EXCESS_CODES or run.exit_code not in (None, 0)
    return run.ended_by == "exit" and bool(run.unfinished)


def _why_no_suite(gate: Gate, run: GateRun) -> str:
    what = "pytest did not tell its tests" if can_report(gate.command) else "no JUnit file"
    return f"{what}, exit code {run.exit_code}: {last_line(run.output_tail)}"


def _why_no_verdict(run: GateRun, suite: SuiteRun) -> str:
    if suite.canary is False:
        return "a test that must fail did not: the project's test set-up hides failures from this gate"
    if suite.forged:
        return "what it told of its tests was not written by the test runner"
    nothing = suite.collected == 0 and not suite.collection_errors
    if run.exit_code not in (*_RUNNER_TELLS, 2) or nothing:
        return f"no test was run, exit code {run.exit_code}: {last_line(run.output_tail)}"
    return ""


def last_line(text: str) -> str:
    """The last line that says something, bounded."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def baseline_of(name: str, baselines: Sequence[GateBaseline]) -> GateBaseline | None:
    """The baseline of the gate of that name."""
    return next((each for each in baselines if each.name == name), None)
