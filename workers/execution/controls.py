"""Positive and negative controls of a gate on the base commit.

Positive: at a commit that is known to be good every required gate must pass, judged as a candidate's would be.
Negative: where set-up holds a copy of the project, a gate that does not notice broken code in the check-out runs
that copy.
"""

import os
import re
import secrets
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from workers.execution.changes import FileChange
from workers.execution.ignores import IGNORE_FILE
from workers.execution.job import Job
from workers.execution.patch import Rules, index_of_commit
from workers.execution.pristine import PristineStore
from workers.execution.prompt import protected_paths
from workers.gates.command import can_report
from workers.gates.configuration import TEST_FILES
from workers.gates.environment import shadow_objection
from workers.gates.judge import GateRun, baseline_of, judge, kept_tests, why_not_run
from workers.gates.output import failure_line
from workers.gates.run import GateRunner
from workers.gates.sources import Sources
from workers.halt import HaltError
from workers.patterns import is_readable, spec_of
from workers.repository.git import GitError
from workers.repository.mirror import ensure_commit
from workers.repository.submodules import fetch_commit
from workers.spec import Gate, GateBaseline
from workers.workcell import WorkcellDirectories

MAX_OUTPUT: Final = 1_000_000
"""Bytes of a gate's output that are searched."""
_MOST_DIRECTORIES: Final = 100_000
_VARYING: Final = re.compile(r"[0-9a-fA-F.]*\d[0-9a-fA-F.]*")


def sources_of(cell: WorkcellDirectories, submodules: tuple[str, ...]) -> Sources:
    """The base commit's files and rules, for judging failed imports."""
    store = PristineStore(cell)
    # Rules for build products are in the top ignore file.
    rules = store.ignore_files().get(os.fsencode(IGNORE_FILE), b"").decode("utf-8", "replace")
    ignored = spec_of([line for line in rules.splitlines() if is_readable(line)])
    return Sources(
        frozenset(store.base_files()), spec_of(TEST_FILES).match_file, ignored.match_file, submodules
    )


Explain = Callable[[Gate, GateRun, str], str | None]
"""By a gate, its run and the run's label: why the environment prevents a verdict, if so."""


def positive_control(
    job: Job,
    gate_runner: GateRunner,
    cell: WorkcellDirectories,
    commit: str,
    baselines: list[GateBaseline],
    explain: Explain,
) -> tuple[list[GateBaseline], str | None]:
    """Run the gates at the known-good commit.

    Returns:
        The baselines with that commit's tests, and why a required gate cannot judge, if so. A gate that passes there
        can judge, for any reason that it did not run on the base commit.
    """
    workcell = job.order.workcell
    index = cell.root / "known-good.index"
    kept_back = _write_known_good(job, cell, commit, index)
    tests = spec_of([*TEST_FILES, *protected_paths(job.order)])
    shown, objection = [], None
    for gate in workcell.gates:
        label = f"{gate.name}-known-good"
        shown_on_base = baseline_of(gate.name, baselines) or GateBaseline(name=gate.name, passed=False)
        for _ in range(1 + workcell.flaky_reruns):
            run = gate_runner.run(gate, index, label)
            baseline = _held(run, shown_on_base)
            result = judge(gate, run, baseline, tests.match_file)
            if result.passed:
                break
        shown.append(baseline.model_copy(update={"ran": True}) if result.passed else baseline)
        if gate.required and not result.passed and objection is None:
            why = why_not_run(gate, run, explain(gate, run, label)) or failure_line(run.output_tail)
            objection = (
                f"gate {gate.name} fails at workcell.known_good {commit[:12]}, too, so it cannot accept a right fix: "
                f"{', '.join(result.fail_codes)}: {why}{_kept_back(kept_back)}"
            )
    return shown, objection


def _write_known_good(job: Job, cell: WorkcellDirectories, commit: str, index: Path) -> tuple[str, ...]:
    workcell = job.order.workcell
    try:
        ensure_commit(job.machine.mirrors_dir, workcell.repo, commit, job.control)
        fetch_commit(job.mirror, commit, cell.pristine)
        rules = Rules(protected_paths(job.order), workcell.gates)
        return index_of_commit(cell, workcell.base, commit, rules, index)
    except GitError as error:
        raise HaltError(
            "infra", f"workcell.known_good {commit[:12]} cannot be checked out: {error}"
        ) from None


def _held(run: GateRun, baseline: GateBaseline) -> GateBaseline:
    if run.suite is None:
        return baseline
    update = {"known_good_tests": kept_tests(run.suite), "canary": run.suite.canary is True}
    return baseline.model_copy(update=update)


def _kept_back(paths: tuple[str, ...]) -> str:
    if not paths:
        return ""
    return f"; protected paths stay as in the base, {paths[0]} among them: is `base` the commit that holds the tests?"


def negative_control(
    job: Job, gate_runner: GateRunner, gate: Gate, run: GateRun, cell: WorkcellDirectories, sources: Sources
) -> str | None:
    """Why the gate judges an installed copy; None where it does not, or there is none.

    Only for gates that do not report their imports: one more run, in which the project's packages raise an error.
    """
    if can_report(gate.command) or run.exit_code in (None, 0):
        return None
    copies = dict(_copies(job, sources.packages))
    # A gate whose output names no Python file tests another part of the repository.
    if not copies or ".py" not in gate_runner.programs.text(gate_runner.log_of(gate.name), MAX_OUTPUT):
        return None
    mark = f"bench-control-{secrets.token_hex(8)}"
    index = cell.root / "broken.index"
    _write_broken(cell, [sources.packages[name] for name in copies], mark, index)
    label = f"{gate.name}-control"
    broken = gate_runner.run(gate, index, label)
    before, after = (_lasting(gate_runner, each) for each in (gate.name, label))
    is_same = broken.exit_code == run.exit_code and before == after
    return (
        shadow_objection(copies)
        if is_same and mark not in gate_runner.programs.text(gate_runner.log_of(label), MAX_OUTPUT)
        else None
    )


def _lasting(gate_runner: GateRunner, label: str) -> str:
    """A run's output without the parts that differ from run to run: its directory, numbers, times, addresses."""
    output = gate_runner.programs.text(gate_runner.log_of(label), MAX_OUTPUT)
    return _VARYING.sub("#", output.replace(str(gate_runner.checkout_of(label).parent), "."))


def _copies(job: Job, packages: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Copies of the project's packages in the set-up's products and in the worker's own environment."""
    for product in job.products.reads:
        for directory, names, files in islice(os.walk(product), _MOST_DIRECTORIES):
            stems = {*names, *(file.removesuffix(".py") for file in files)}
            yield from _modules(Path(directory), packages.keys() & stems)
    yield from _modules(Path(sysconfig.get_path("purelib")), packages.keys())


def _modules(directory: Path, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Those of the names that a directory has a module of, with the file that an import runs."""
    for name in names:
        for path in (directory / name / "__init__.py", directory / f"{name}.py"):
            if path.is_file():
                yield name, str(path)


def _write_broken(cell: WorkcellDirectories, paths: Iterable[str], mark: str, index: Path) -> None:
    """Write a copy of the base's index in which these files raise an error that names `mark`."""
    store = PristineStore(cell)
    name = store.add(f"raise ImportError({mark!r})\n".encode())
    store.write_index(index, [FileChange("100644", "100644", name, name, path) for path in paths])
