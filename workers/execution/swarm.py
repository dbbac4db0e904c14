"""Swarm: the candidates of one execution, run in parallel within the machine's limit, and their vote."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

from workers.control import StopReason
from workers.execution.candidate import run_candidate
from workers.execution.cost import execution_cost, planned_ms
from workers.execution.job import Job
from workers.execution.plan import executed_plan
from workers.execution.vote import deciding_candidate, vote
from workers.result import CandidateResult, ExecutionResult
from workers.spec import PlannedAction, WorkOrder


def workcell_id(order: WorkOrder, index: int) -> str:
    """A name that is unique among all attempts: the lease's hash distinguishes farms with equal counters."""
    lease = hashlib.sha256(f"{order.bench_id}:{order.lease_token}".encode()).hexdigest()[:8]
    return f"x{order.execution_id}-a{order.attempt}-c{index}-{lease}"


def run_swarm(job: Job, action: PlannedAction) -> ExecutionResult:
    """Run every candidate, each in a thread that outlives its processes, then vote."""
    count = action.candidates if action.swarm_id == "speculate_vote" else 1
    threads = max(1, min(count, job.machine.parallel_candidates))

    def candidate(index: int) -> CandidateResult:
        return run_candidate(job, action, index, workcell_id(job.order, index))

    with ThreadPoolExecutor(threads, thread_name_prefix="candidate") as pool:
        try:
            candidates = list(pool.map(candidate, range(count)))
        except BaseException as error:
            # Leaving the pool waits for its threads: a shutdown must not wait for budgets. An exception here is an
            # outcome; after a release it would fail again and again, each time at its whole reservation.
            job.control.stop(StopReason.DEADLINE if isinstance(error, Exception) else StopReason.RELEASE)
            raise
    return summary(job.order, action, candidates)


def summary(order: WorkOrder, action: PlannedAction, candidates: list[CandidateResult]) -> ExecutionResult:
    """The execution's result, made of its candidates'."""
    deciding, winner = deciding_candidate(candidates), vote(candidates)
    cost = execution_cost(candidates)
    return ExecutionResult(
        status=deciding.status,
        error_class=deciding.error_class,
        message=deciding.message,
        budget_ms=planned_ms(sum(each.billed_ms for each in candidates), order.workcell),
        provider_wait_ms=max((each.provider_wait_ms for each in candidates), default=0),
        micro_usd=cost.micro_usd,
        micro_usd_at_least=cost.at_least,
        cost_source=cost.source,
        fail_codes=winner.fail_codes,
        gates=winner.gates,
        chosen=None if deciding.status == "error" else winner.index,
        candidates=candidates,
        executed_plan=executed_plan(order, action, len(candidates)),
        baseline=[],
    )
