"""Benches of any size, written as a submission writes them."""

from typing import Any

from db.repositories.new_bench import BenchCaps, NewArm, NewBench, NewCase, NewExecution
from planner.actions import NA, Action, canonical_rank, valid_actions

QUEUE = "command"
ACTIONS = valid_actions("code")
_WORKCELL = {
    "repo": "/none",
    "base": "0" * 40,
    "gates": [{"name": "test", "command": ["true"]}],
    "toolchains": [{"name": "command", "argv": ["true"]}],
}
_PLANNED = {"swarm_id": "serial_handoff", "candidates": 1, "minutes": 15.0, "iterations": 1}


def bench_of(
    bench_id: str,
    cases: int,
    arms: int,
    limits: BenchCaps | None = None,
    workcell: dict[str, Any] = _WORKCELL,
) -> NewBench:
    """A bench of `cases` × `arms` executions whose base commits were checked before."""
    return NewBench(
        bench_id=bench_id,
        config={"execution_limits": {"timeout_behavior": "mark_timeout"}},
        config_hash="benchmark",
        slice="all",
        seed=1,
        k=arms,
        strategy="coverage",
        objective="minimize_duration",
        tie_break=["lower_max_candidates"],
        max_retries=1,
        limits=limits or BenchCaps(),
        cases=[_case(number, arms, workcell) for number in range(cases)],
        queues={QUEUE: ["command"]},
    )


def _case(number: int, arms: int, workcell: dict[str, Any]) -> NewCase:
    return NewCase(
        issue_id=f"issue-{number:06d}",
        issue={"id": f"issue-{number:06d}", "title": "a benchmark", "tags": []},
        job_type="code",
        dk_risk=("low", "medium", "high", "critical")[number % 4],
        dk_size=("XS", "S", "M", "L", "XL")[number % 5],
        dk_priority="P2",
        planner_input={"schema_version": "cyntra.planner_input.v1", "issue": {"issue_id": str(number)}},
        input_hash="0" * 64,
        workcell=workcell,
        baseline_key=f"key-{number}",
        baseline=[],
        baseline_check=NewExecution(QUEUE, 0, 60),
        admission_rank=number,
        note=None,
        arms=[_arm(ACTIONS[place % len(ACTIONS)], place) for place in range(arms)],
    )


def _arm(action: Action, place: int) -> NewArm:
    bins = [None if value == NA else int(value) for value in action[1:]]
    return NewArm(
        swarm_id=action.swarm_id,
        max_candidates=bins[0],
        max_minutes=bins[1],
        max_iterations=bins[2],
        canonical_rank=canonical_rank(action),
        strategy="coverage",
        strategy_version="coverage.1",
        propensity=0.25,
        propensity_kind="exact",
        stratum="rest",
        is_baseline=place == 0,
        is_executed=False,
        planned=_PLANNED,
        executions=[NewExecution(QUEUE, place, 3600, 0, 1000, 60_000)],
    )
