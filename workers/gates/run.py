"""Runner of gates: each run has a clean check-out of its own, so that none can influence the next.

A pytest gate reports its tests over a socket, with a canary among them (`bench_gate_report`); any other writes a
JUnit file to a given path. What that cannot prevent is listed in docs/explanation/security.md.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workers.gates.command import GateCommand, can_report, reporting, writing
from workers.gates.identity import IsTestFile
from workers.gates.judge import GateRun, baseline_of, judge, reports_tests
from workers.gates.junit import JunitError, read_junit
from workers.gates.junit_file import junit_file
from workers.gates.output import threshold_line
from workers.gates.reads import forget_reads, were_read
from workers.gates.report import Channel
from workers.gates.suite import SuiteRun
from workers.repository.checkout import materialize
from workers.repository.git import GitError
from workers.result import GateResult
from workers.sandbox.process import ProgramExit, StopConditions
from workers.sandbox.runner import MissingProgramError, ProgramRunner
from workers.sandbox.sweep import remove_tree
from workers.spec import Gate, GateBaseline

TAIL_BYTES = 4000
JUNIT_SUFFIX = ".junit.xml"
_QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}


@dataclass(frozen=True)
class GateRunner:
    """Runs the gates of one workcell."""

    programs: ProgramRunner
    pristine: Path
    """The Git directory that holds the base commit and the candidate's objects."""
    logs: Path
    capture_bytes: int
    pointers: tuple[str, ...] = ()
    """Files whose content was not fetched: a run records which of them it read."""

    def log_of(self, label: str) -> Path:
        """The log of the run with that label."""
        return self.logs / f"gate-{label}.log"

    def checkout_of(self, label: str) -> Path:
        """The check-out of the run with that label; it is removed after the run."""
        return self.programs.root / f"gate-{label}" / "checkout"

    def run(self, gate: Gate, index: Path, label: str) -> GateRun:
        """Run one gate on the files of a trusted index. `label` names its directory and log."""
        inside = self.programs.root / f"gate-{label}"
        log = self.log_of(label)
        try:
            for name in ("home", "tmp"):
                (inside / name).mkdir(parents=True)
            materialize(self.pristine, index, inside / "checkout")
            forget_reads(inside / "checkout", self.pointers)
            ended, tests, unfinished = (
                self._tests(gate, inside, log)
                if reports_tests(gate)
                else (self._plain(gate, inside, log), None, {})
            )
            suite = tests if isinstance(tests, SuiteRun) else None
            if suite is not None:
                log.with_suffix(JUNIT_SUFFIX).write_bytes(junit_file(gate.name, suite, ended.duration_ms))
            text = self.programs.text(log, 1_000_000)
            return GateRun(
                exit_code=ended.exit_code,
                ended_by=ended.ended_by,
                duration_ms=ended.duration_ms,
                output_tail=text[-TAIL_BYTES:],
                threshold=threshold_line(text),
                suite=suite,
                unfinished=unfinished,
                pointers_read=were_read(inside / "checkout", self.pointers),
                why_no_tests=tests if isinstance(tests, str) else "",
            )
        except (GitError, MissingProgramError, OSError) as error:
            return GateRun(None, None, output_tail=f"gate {gate.name} cannot run: {error}")
        finally:
            remove_tree(inside)

    def _plain(self, gate: Gate, inside: Path, log: Path) -> ProgramExit:
        return self._start(gate, GateCommand(tuple(gate.command)), inside, log)

    def _tests(
        self, gate: Gate, inside: Path, log: Path
    ) -> tuple[ProgramExit, SuiteRun | str | None, Mapping[str, float]]:
        """Run a gate that reports its tests; returns its exit, its tests or why there are none, and running tests."""
        if can_report(gate.command):
            with Channel(inside / "checkout") as channel:
                command = reporting(gate.command, channel.theirs.fileno())
                ended = self._start(gate, command, inside, log, (channel.theirs.fileno(),))
                suite = channel.run()
                return (
                    ended,
                    suite or channel.records.missing_reason,
                    {} if suite else channel.records.in_progress(),
                )
        report = inside / f"report-{secrets.token_hex(8)}" / "junit.xml"
        report.parent.mkdir()
        ended = self._start(gate, writing(gate.command, report), inside, log)
        try:
            return ended, read_junit(report, inside / "checkout", ended.exit_code), {}
        except JunitError as error:
            return ended, str(error), {}

    def _start(
        self, gate: Gate, command: GateCommand, inside: Path, log: Path, descriptors: tuple[int, ...] = ()
    ) -> ProgramExit:
        limits = StopConditions(gate.timeout_seconds, capture_bytes=self.capture_bytes)
        env = {**_QUIET, **command.env}
        return self.programs.run(
            command.argv, inside / "checkout", inside, env, limits, log, descriptors=descriptors
        )


def run_gates(
    gate_runner: GateRunner,
    gates: Sequence[Gate],
    index: Path,
    baselines: Sequence[GateBaseline],
    is_test_file: IsTestFile,
    stage: str,
    reruns: int,
) -> list[GateResult]:
    """Run every gate on a candidate's tree, in order; one that fails is retried up to `reruns` times."""

    def judged(gate: Gate, label: str) -> GateResult:
        return judge(
            gate, gate_runner.run(gate, index, label), baseline_of(gate.name, baselines), is_test_file
        )

    return [_result(gate_runner, gate, f"{stage}-{gate.name}", reruns, judged) for gate in gates]


def _result(
    gate_runner: GateRunner, gate: Gate, label: str, reruns: int, judged: Callable[[Gate, str], GateResult]
) -> GateResult:
    """The first run's result, or the first re-run that passes, with what each re-run showed."""
    result = judged(gate, label)
    shown: list[bool] = []
    while not result.passed and len(shown) < reruns and gate_runner.programs.control.reason is None:
        again = judged(gate, f"{label}-rerun-{len(shown) + 1}")
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
    return [judge(gate, replace(run), None, lambda _path: False) for gate in gates]
