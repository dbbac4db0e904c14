"""The gates on the untouched base commit: is the issue real, and can it be judged at all?"""

from workers.execution.cell import open_cell
from workers.execution.checkout import check_out, fetch_pristine
from workers.execution.halt import HaltError, StoppedError
from workers.execution.job import Job
from workers.execution.swarm import workcell_id
from workers.gates.judge import as_baseline
from workers.gates.run import GateBay
from workers.result import ExecutionResult
from workers.spec import GateBaseline


def run_baseline(job: Job) -> ExecutionResult:
    """Success where the gates could run and a required one fails; else an error, class `invalid_issue`."""
    baselines = _show(job)
    if job.control.reason is not None:
        raise StoppedError(job.control.reason.value)
    objection = object_to(baselines, [gate.name for gate in job.order.workcell.gates if gate.required])
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
        return "no gate is required, so nothing could tell a solved issue; make one `required: true`"
    for each in shown:
        if not each.ran:
            return f"gate {each.name} cannot run on the base commit: {each.detail}"
    if all(each.passed for each in shown):
        names = ", ".join(each.name for each in shown)
        return f"every required gate already passes on the base commit ({names}): there is nothing to solve"
    return None


def _show(job: Job) -> list[GateBaseline]:
    workcell = job.order.workcell
    with open_cell(job.machine.work_dir, workcell_id(job.order, 0)) as cell:
        pristine = fetch_pristine(job.mirror, workcell.base, cell.pristine, job.additions)
        try:
            check_out(pristine, cell)
        except HaltError as error:
            raise HaltError("infra", str(error)) from None
        bay = GateBay(job.place(cell), pristine, cell.logs, job.machine.capture_bytes)
        return [as_baseline(gate, bay.run(gate, cell.base_index, gate.name)) for gate in workcell.gates]
