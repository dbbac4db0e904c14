"""The candidates of one execution, side by side as far as the machine allows, and their vote."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

from workers.control import StopReason
from workers.execution.candidate import run_candidate
from workers.execution.cost import execution_cost, planned_ms
from workers.execution.job import Job
from workers.execution.plan import executed_plan
from workers.execution.vote import spokesman, vote
from workers.result import CandidateResult, ExecutionResult
from workers.spec import PlannedAction, WorkOrder


def workcell_id(order: WorkOrder, index: int) -> str:
    """A name no other candidate of any attempt has: the lease's hash tells apart farms that count alike."""
    lease = hashlib.sha256(f"{order.bench_id}:{order.lease_token}".encode()).hexdigest()[:8]
    return f"x{order.execution_id}-a{order.attempt}-c{index}-{lease}"


def run_swarm(job: Job, action: PlannedAction) -> ExecutionResult:
    """Run every candidate, each in a thread that outlives its processes, and let them vote."""
    count = action.candidates if action.swarm_id == "speculate_vote" else 1
    threads = max(1, min(count, job.machine.parallel_candidates))

    def candidate(index: int) -> CandidateResult:
        return run_candidate(job, action, index, workcell_id(job.order, index))

    with ThreadPoolExecutor(threads, thread_name_prefix="candidate") as pool:
        try:
            candidates = list(pool.map(candidate, range(count)))
        except BaseException as error:
            # Leaving the pool waits for its threads: a worker told to exit must not wait for budgets. What failed
            # here is an outcome; handed back, it would fail again and again, each time at its whole reservation.
            job.control.stop(StopReason.DEADLINE if isinstance(error, Exception) else StopReason.RELEASE)
            raise
    return summary(job.order, action, candidates)


def summary(order: WorkOrder, action: PlannedAction, candidates: list[CandidateResult]) -> ExecutionResult:
    """The execution's result, made of its candidates'."""
    speaks, winner = spokesman(candidates), vote(candidates)
    cost = execution_cost(candidates)
    return ExecutionResult(
        status=speaks.status,
        error_class=speaks.error_class,
        message=speaks.message,
        budget_ms=planned_ms(sum(each.billed_ms for each in candidates), order.workcell),
        micro_usd=cost.micro_usd,
        micro_usd_at_least=cost.at_least,
        cost_source=cost.source,
        fail_codes=winner.fail_codes,
        gates=winner.gates,
        chosen=None if speaks.status == "error" else winner.index,
        candidates=candidates,
        executed_plan=executed_plan(order, action, len(candidates)),
        baseline=[],
    )
