"""Baseline: the gates on the untouched base commit show whether the issue is real and can be judged."""

from collections.abc import Iterator
from contextlib import contextmanager

from workers.execution import controls
from workers.execution.job import Job
from workers.execution.swarm import workcell_id
from workers.gates.environment import concerning, environment_objection, shadow_objection
from workers.gates.judge import GateRun, as_baseline
from workers.gates.run import GateRunner
from workers.gates.sources import Sources
from workers.halt import HaltError, StoppedError
from workers.repository.checkout import check_out, fetch_pristine
from workers.repository.git import GitError
from workers.repository.unfetched import Unfetched, unfetched
from workers.result import ExecutionResult
from workers.spec import Gate, GateBaseline
from workers.workcell import WorkcellDirectories, open_workcell


def run_baseline(job: Job) -> ExecutionResult:
    """Run the baseline: success where the gates can run and a required one fails, else class `invalid_issue`."""
    baselines, objection = _show(job)
    if job.control.reason is not None:
        raise StoppedError(job.control.reason.value)
    if objection is None:
        return ExecutionResult(status="success", micro_usd=0, cost_source="reported", baseline=baselines)
    return ExecutionResult(
        status="error",
        error_class="invalid_issue",
        message=objection,
        micro_usd=0,
        cost_source="reported",
        baseline=baselines,
    )


def object_to(baselines: list[GateBaseline], required: list[str]) -> str | None:
    """Why the issue cannot be benched, in one line; None where it can."""
    shown = [each for each in baselines if each.name in required]
    if not shown:
        return "no gate is required, so a solved issue could not be recognised; make one `required: true`"
    for each in shown:
        if not each.ran:
            return f"gate {each.name} cannot run on the base commit: {each.detail}"
    if all(each.passed for each in shown):
        names = ", ".join(each.name for each in shown)
        return f"every required gate already passes on the base commit ({names}): there is nothing to solve"
    return None


@contextmanager
def gates_on_base(job: Job) -> Iterator[tuple[WorkcellDirectories, GateRunner, Unfetched]]:
    """Context manager of a workcell at the order's base: its directories, a runner of gates, and what it lacks.

    Raises `HaltError` where the commit cannot be checked out.
    """
    left_out = _left_out(job)
    with open_workcell(job.machine.work_dir, workcell_id(job.order, 0)) as cell:
        pristine = fetch_pristine(job.mirror, job.order.workcell.base, cell.pristine, job.additions)
        try:
            check_out(pristine, cell)
        except HaltError as error:
            raise HaltError("infra", str(error)) from None
        runner, capture_bytes = job.runner(cell), job.machine.capture_bytes
        gates = GateRunner(runner, pristine, cell.logs, capture_bytes, cell.base_index, left_out.lfs)
        yield cell, gates, left_out


def _show(job: Job) -> tuple[list[GateBaseline], str | None]:
    """The baseline of every gate, and why the issue cannot be benched, if so."""
    workcell = job.order.workcell
    required = [gate.name for gate in workcell.gates if gate.required]
    with gates_on_base(job) as (cell, gate_runner, left_out):
        sources = controls.sources_of(cell, left_out.submodules)

        def explain(gate: Gate, run: GateRun, label: str) -> str | None:
            return _environment(gate_runner, sources, gate, run, label) or (
                controls.negative_control(job, gate_runner, gate, run, cell, sources)
                if label == gate.name
                else None
            )

        baselines = [_shown(gate_runner, gate, cell, explain) for gate in workcell.gates]
        if workcell.known_good is not None and not _all_pass(baselines, required):
            return controls.positive_control(job, gate_runner, cell, workcell.known_good, baselines, explain)
        return baselines, object_to(baselines, required)


def _left_out(job: Job) -> Unfetched:
    """The submodules and contents that the check-out lacks."""
    cell = job.order.workcell
    try:
        return unfetched(job.mirror, cell.base).unless(cell.git)
    except GitError as error:
        raise HaltError("infra", f"the base commit cannot be read: {error}") from None


def _shown(
    gate_runner: GateRunner, gate: Gate, cell: WorkcellDirectories, explain: controls.Explain
) -> GateBaseline:
    run = gate_runner.run(gate, cell.base_index, gate.name)
    return as_baseline(gate, run, explain(gate, run, gate.name))


def _environment(
    gate_runner: GateRunner, sources: Sources, gate: Gate, run: GateRun, label: str
) -> str | None:
    """Why the environment, and not the code, makes the gate fail; None where it does not."""
    if run.exit_code is None:
        return None
    if run.suite is not None and (
        copied := shadow_objection(sources.with_outside(run.suite.outside).shadowed())
    ):
        return copied
    if run.exit_code == 0:
        return None
    output = gate_runner.programs.text(gate_runner.log_of(label), controls.MAX_OUTPUT)
    root = str(gate_runner.checkout_of(label))
    return environment_objection(concerning(gate, run.suite), output, sources, root, run.pointers_read)


def _all_pass(baselines: list[GateBaseline], required: list[str]) -> bool:
    return all(each.passed for each in baselines if each.name in required)
