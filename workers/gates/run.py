"""Running gates: each run in a clean check-out of its own, so that none can prepare anything for the next.

What cannot be prevented: a gate runs the candidate's code in its own process, and code that sets out to
deceive can write the test report itself. Protected paths, the counts and the clean check-out stop everything
short of that; reading the winning patch stops the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workers.execution.checkout import materialize
from workers.execution.git import GitError
from workers.gates.judge import GateRun, baseline_of, judge
from workers.gates.junit import Junit, read_junit
from workers.result import GateResult
from workers.sandbox.place import MissingProgramError, Place
from workers.sandbox.process import Limits
from workers.sandbox.sweep import remove_tree
from workers.spec import Gate, GateBaseline

TAIL_BYTES = 4000
_PYTEST_OPTIONS = ("-o", "junit_family=xunit2", "-p", "no:cacheprovider", "-p", "no:randomly")
_QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}


@dataclass(frozen=True)
class GateBay:
    """Where the gates of one workcell run."""

    place: Place
    pristine: Path
    """The Git directory that holds the base commit and the candidate's objects."""
    logs: Path
    capture_bytes: int

    def run(self, gate: Gate, index: Path, label: str) -> GateRun:
        """Run one gate on the files of a trusted index. `label` names its directory and log."""
        inside = self.place.root / f"gate-{label}"
        checkout, report = inside / "checkout", inside / "report" / "junit.xml"
        log = self.logs / f"gate-{label}.log"
        try:
            for name in ("home", "tmp", "report"):
                (inside / name).mkdir(parents=True)
            materialize(self.pristine, index, checkout)
            return self._run(gate, inside, checkout, report, log)
        except (GitError, OSError) as error:
            return GateRun(None, None, output_tail=f"gate {gate.name} cannot run: {error}")
        finally:
            remove_tree(inside)

    def _run(self, gate: Gate, inside: Path, checkout: Path, report: Path, log: Path) -> GateRun:
        options = (f"--junitxml={report}", *_PYTEST_OPTIONS) if gate.junit else ()
        limits = Limits(gate.timeout_seconds, capture_bytes=self.capture_bytes)
        try:
            ended = self.place.run((*gate.command, *options), checkout, inside, _QUIET, limits, log)
        except MissingProgramError as error:
            return GateRun(None, None, output_tail=f"gate {gate.name} cannot run: {error}")
        junit = read_junit(report) if gate.junit else None
        return GateRun(
            exit_code=ended.exit_code,
            ended_by=ended.ended_by,
            duration_ms=ended.duration_ms,
            output_tail=self.place.text(log, 1_000_000)[-TAIL_BYTES:],
            junit=junit,
            absent_modules=_absent(junit, checkout),
        )


def run_gates(
    bay: GateBay,
    gates: Sequence[Gate],
    index: Path,
    baselines: Sequence[GateBaseline],
    stage: str,
    reruns: int,
) -> list[GateResult]:
    """Every gate on a candidate's tree, in order; one that fails is run again up to `reruns` times."""
    return [_result(bay, gate, index, baseline_of(gate.name, baselines), stage, reruns) for gate in gates]


def _result(
    bay: GateBay, gate: Gate, index: Path, baseline: GateBaseline | None, stage: str, reruns: int
) -> GateResult:
    """The first run's result, or the first re-run that passes, with what each re-run showed."""
    result = judge(gate, bay.run(gate, index, f"{stage}-{gate.name}"), baseline)
    shown: list[bool] = []
    while not result.passed and len(shown) < reruns and bay.place.control.reason is None:
        label = f"{stage}-{gate.name}-rerun-{len(shown) + 1}"
        again = judge(gate, bay.run(gate, index, label), baseline)
        shown.append(again.passed)
        if again.passed:
            result = again
    return replace_reruns(result, shown)


def replace_reruns(result: GateResult, shown: list[bool]) -> GateResult:
    """`result` with the history of its re-runs."""
    return result.model_copy(update={"reruns": shown}) if shown else result


def not_run(gates: Sequence[Gate], why: str) -> list[GateResult]:
    """The results of gates that have nothing to run on."""
    run = GateRun(None, None, output_tail=why)
    return [judge(gate, replace(run), None) for gate in gates]


def _absent(junit: Junit | None, checkout: Path) -> tuple[str, ...]:
    """Missing modules that are nowhere in the check-out, as a file, package or directory."""
    if junit is None:
        return ()
    return tuple(name for name in junit.missing_modules if not _has_module(checkout, name))


def _has_module(checkout: Path, name: str) -> bool:
    return any(
        True
        for pattern in (name, f"{name}.py")
        for _ in (*checkout.glob(pattern), *checkout.glob(f"*/{pattern}"))
    )
