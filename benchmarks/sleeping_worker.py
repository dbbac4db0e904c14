"""The worker's own Celery application, with sleeping executions: everything is real but the check-out."""

import os

from workers import tasks
from workers.control import Control
from workers.execution.job import runner_of
from workers.execution.machine import Machine
from workers.execution.setup import Products
from workers.lease.attempt import Run
from workers.result import ExecutionResult
from workers.sandbox import ladder
from workers.sandbox.process import StopConditions
from workers.spec import WorkOrder
from workers.workcell import open_workcell

SECONDS_VARIABLE = "BENCH_SLEEP_SECONDS"
app = tasks.app


def sleeping_run(machine: Machine) -> Run:
    """Run `sleep` as a toolchain is run: in a workcell, in the sandbox, watched."""
    seconds = os.environ[SECONDS_VARIABLE]
    rung = ladder.choose("auto")

    def run(order: WorkOrder, control: Control) -> ExecutionResult:
        with open_workcell(machine.work_dir, f"x{order.execution_id}-a{order.attempt}") as cell:
            place = runner_of(machine, rung, control, cell, Products(), ())
            inside = cell.kept_inside("home")
            ended = place.run(
                ("sleep", seconds), inside, inside, {}, StopConditions(600.0), cell.logs / "stdout"
            )
        return ExecutionResult(
            status="success" if ended.exit_code == 0 else "failed",
            duration_ms=ended.duration_ms,
            budget_ms=ended.duration_ms,
            micro_usd=1,
            cost_source="priced",
        )

    return run


tasks.run_on = sleeping_run
