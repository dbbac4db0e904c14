"""Check of a commit: the gates on a commit that has to pass them, such as the result of a merge."""

from workers.execution.baseline import gates_on_base
from workers.execution.job import Job
from workers.execution.vote import blocking_failures, passed
from workers.gates.run import run_gates
from workers.halt import StoppedError
from workers.result import ExecutionResult


def run_check(job: Job) -> ExecutionResult:
    """Run the gates on the order's base: success where every required one passes, else `failed`.

    They are judged without a baseline: between the base of an issue and a merge result tests come and go.
    """
    workcell = job.order.workcell
    with gates_on_base(job) as (cell, gate_runner, _):
        gates = run_gates(
            gate_runner,
            workcell.gates,
            cell.base_index,
            [],
            lambda _path: True,
            "check",
            workcell.flaky_reruns,
        )
    if job.control.reason is not None:
        raise StoppedError(job.control.reason.value)
    codes = [code for gate in gates if gate.required for code in gate.fail_codes]
    return ExecutionResult(
        status="success" if passed(gates) else "failed",
        message="" if passed(gates) else f"gates failed: {', '.join(blocking_failures(gates))}",
        micro_usd=0,
        cost_source="reported",
        gates=gates,
        fail_codes=list(dict.fromkeys(codes)),
    )
