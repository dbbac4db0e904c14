"""What one gate run means, for a candidate and for the base commit. Pure: no file is touched here."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.gates.junit import Junit
from workers.result import GateResult
from workers.sandbox.process import EndedBy
from workers.spec import Gate, GateBaseline

_PYTEST_TELLS = (0, 1)
"""Exit codes of pytest that mean: all tests ran, and this is what came of them."""


@dataclass(frozen=True)
class GateRun:
    """The facts of one run of one gate."""

    exit_code: int | None
    """None where it was stopped or could not start."""
    ended_by: EndedBy | None
    """None where it could not start."""
    duration_ms: int = 0
    output_tail: str = ""
    junit: Junit | None = None
    absent_modules: tuple[str, ...] = ()
    """Modules missing at collection that the repository does not have either: the environment lacks them."""


def judge(gate: Gate, run: GateRun, baseline: GateBaseline | None) -> GateResult:
    """The result of a gate on a candidate's diff, held against what the gate showed on the base commit."""
    codes = _fail_codes(gate, run, baseline)
    return GateResult(
        name=gate.name,
        passed=not codes,
        required=gate.required,
        exit_code=run.exit_code,
        duration_ms=run.duration_ms,
        score=run.junit.score if run.junit else None,
        fail_codes=codes,
        output_tail=run.output_tail,
    )


def _fail_codes(gate: Gate, run: GateRun, baseline: GateBaseline | None) -> list[str]:
    if run.ended_by is None or run.ended_by == "cancel":
        return ["not_run"]
    if run.exit_code is None:
        return ["timeout"]
    if not gate.junit:
        return [f"exit_{run.exit_code}"] if run.exit_code else []
    codes = [] if run.exit_code in _PYTEST_TELLS else [f"exit_{run.exit_code}"]
    if run.junit is None:
        return [*codes, "no_junit"]
    if run.junit.failed or run.junit.collection_errors or run.exit_code == 1:
        codes.append("tests_failed")
    return [*codes, *_integrity(run.junit, baseline)]


def _integrity(junit: Junit, baseline: GateBaseline | None) -> list[str]:
    """Fewer tests, or more that do not count, than on the base commit."""
    if baseline is None:
        return ["fewer_tests"] if junit.collected == 0 else []
    codes = []
    if junit.collected < max(1, baseline.collected or 0):
        codes.append("fewer_tests")
    if baseline.skipped is not None and junit.skipped > baseline.skipped:
        codes.append("new_skips")
    if baseline.xfailed is not None and junit.xfailed > baseline.xfailed:
        codes.append("new_xfails")
    return codes


def as_baseline(gate: Gate, run: GateRun) -> GateBaseline:
    """What a gate shows on the base commit.

    A pytest gate ran when pytest says so: tests passed or failed (exit codes 0 and 1), or files could not be
    collected (2). The last is how a bug in the code under test often shows, so it is an honest failure, save
    where a module is missing that the repository itself does not have: then the environment is at fault.
    Counts are kept only where everything was collected: a candidate cannot be held to a broken collection.
    """
    detail = why_not_run(gate, run)
    counts = run.junit if run.junit is not None and not run.junit.collection_errors else None
    return GateBaseline(
        name=gate.name,
        passed=not _fail_codes(gate, run, None),
        ran=not detail,
        collected=counts.collected if counts else None,
        skipped=counts.skipped if counts else None,
        xfailed=counts.xfailed if counts else None,
        duration_ms=run.duration_ms,
        detail=detail or last_line(run.output_tail),
    )


def why_not_run(gate: Gate, run: GateRun) -> str:
    """Why the gate says nothing about the code; empty where it does."""
    if run.ended_by is None:
        return run.output_tail
    if run.exit_code is None:
        return f"no end within {gate.timeout_seconds:g} seconds"
    if run.exit_code in (126, 127):
        return f"exit code {run.exit_code}: {last_line(run.output_tail)}"
    if not gate.junit:
        return ""
    if run.junit is None:
        return f"no JUnit file, exit code {run.exit_code}: {last_line(run.output_tail)}"
    if run.absent_modules:
        return f"the environment lacks the module {', '.join(run.absent_modules)}; install it in `setup`"
    if run.exit_code not in (*_PYTEST_TELLS, 2) or (
        run.junit.collected == 0 and not run.junit.collection_errors
    ):
        return f"no test was run, exit code {run.exit_code}: {last_line(run.output_tail)}"
    return ""


def last_line(text: str) -> str:
    """The last line that says something, bounded."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def baseline_of(name: str, baselines: Sequence[GateBaseline]) -> GateBaseline | None:
    """The baseline of the gate of that name."""
    return next((each for each in baselines if each.name == name), None)
