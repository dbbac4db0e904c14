"""A decision as a case of the stream with one arm, ready to be stored."""

from typing import Any

from bench.config.models import BenchConfig
from bench.experiment.streams import seed63
from bench.experiment.worst_case import cost_model, resolve_action, worst_micro_usd, worst_ms
from bench.stream.decision import Decision
from bench.stream.dispatch import Dispatched
from bench.submit.arms import action_columns, deadline_seconds, gate_seconds
from bench.submit.plan import Ready, new_case
from db.repositories.new_bench import NewArm, NewCase, NewExecution
from planner.space.baseline import POLICY_ID
from workers.classes import class_name, needs_of
from workers.spec import PlannedAction, Workcell

Json = dict[str, Any]
STRATEGY = "policy"


def with_toolchains(workcell: Workcell, names: tuple[str, ...] | None) -> Workcell | None:
    """`workcell` with only the toolchains of these names, in their order; None where it lacks any of them."""
    if names is None:
        return workcell
    by_name = {toolchain.name: toolchain for toolchain in workcell.toolchains}
    if not set(names) <= set(by_name):
        return None
    return workcell.model_copy(update={"toolchains": [by_name[name] for name in names]})


def stream_case(
    config: BenchConfig,
    item: Ready,
    document: Json,
    decision: Decision,
    dispatched: Dispatched,
    *,
    rank: int,
    run_no: int,
    baseline: list[Json] | None,
) -> tuple[NewCase, tuple[str, ...]]:
    """The case of a run.

    The seed of a run depends on the bench seed, the issue and the number of the run, so that a second run differs
    from the first.

    Returns the case, and the resources that a machine needs to run it.
    """
    needs = needs_of(item.workcell)
    queue = class_name(needs)
    seed, issue_id = config.action_sampling.seed, item.issue.id
    planned = _planned(config, item.workcell, dispatched)
    arm = _arm(
        decision,
        dispatched,
        planned,
        NewExecution(
            queue=queue,
            seed=seed63(seed, "stream", issue_id, str(run_no)),
            deadline_seconds=deadline_seconds(item.workcell, planned, gate_seconds(item.workcell)),
            worst_micro_usd=worst_micro_usd(planned, cost_model(item.workcell)),
            worst_ms=worst_ms(planned),
        ),
    )
    case = new_case(
        item,
        document,
        queue=queue,
        rank=rank,
        check_seed=seed63(seed, "baseline", issue_id),
        baseline=baseline,
        arms=[arm],
        run_no=run_no,
        decision=decision.record,
    )
    return case, needs


def _planned(config: BenchConfig, workcell: Workcell, dispatched: Dispatched) -> PlannedAction:
    most = config.execution_limits.max_minutes_per_candidate
    planned = resolve_action(dispatched.action, cost_model(workcell), most)
    reasons = [dispatched.fallback_reason] if dispatched.fallback_reason else []
    if most is not None and planned.minutes > most:
        reasons.append(f"minutes_reduced_from_{planned.minutes:g}_to_{most:g}")
        planned = planned.model_copy(update={"minutes": most})
    changes = {"candidates": dispatched.candidates, "fallback_reason": ",".join(reasons) or None}
    return planned.model_copy(update=changes)


def _arm(
    decision: Decision, dispatched: Dispatched, planned: PlannedAction, execution: NewExecution
) -> NewArm:
    return NewArm(
        **action_columns(dispatched.action),
        strategy=STRATEGY,
        strategy_version=decision.policy_id,
        propensity=decision.propensity,
        propensity_kind="exact" if decision.explored else "deterministic",
        stratum=STRATEGY,
        is_baseline=decision.policy_id == POLICY_ID and not decision.explored,
        is_executed=False,
        planned=planned.model_dump(mode="json"),
        executions=[execution],
    )
