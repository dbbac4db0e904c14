"""The document `cyntra.executed_plan.v1`: the action as it was executed."""

from typing import Any

from workers.spec import PlannedAction, WorkOrder


def executed_plan(order: WorkOrder, action: PlannedAction, candidates: int) -> dict[str, Any]:
    """The document. `timeout_seconds_executed` counts planned minutes of 60 seconds, so that it matches the action's
    bin; the real length of a minute is `seconds_per_minute` seconds."""
    reasons = [action.fallback_reason] if action.fallback_reason else []
    if candidates < action.candidates:
        reasons.append(f"parallelism_reduced_from_{action.candidates}_to_{candidates}")
    return {
        "schema_version": "cyntra.executed_plan.v1",
        "swarm_id_executed": action.swarm_id,
        "max_candidates_executed": candidates,
        "timeout_seconds_executed": round(action.minutes * 60),
        "max_iterations_executed": action.iterations,
        "fallback_applied": bool(reasons),
        "fallback_reason": ",".join(reasons) or None,
        "seconds_per_minute": order.workcell.seconds_per_minute,
    }
