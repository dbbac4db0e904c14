"""The arms of a case as they are stored: limits resolved, worst cases priced, one execution a replicate."""

import math
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, TypedDict

from bench.config.models import BenchConfig
from bench.experiment.replicates import Replicate, expand_replicates
from bench.experiment.space import SampledArm, SampledCase
from bench.experiment.strategies.registry import get_strategy
from bench.experiment.worst_case import (
    CostModel,
    cost_model,
    resolve_action,
    worst_micro_usd,
    worst_ms,
)
from db.repositories.new_bench import NewArm, NewExecution
from planner.actions import NA, Action, Bin, canonical_rank
from workers.spec import PlannedAction, Workcell

Json = dict[str, Any]

# Time besides gates and budgets: checkout, votes, a slow disk. Beyond it an execution is stuck, not slow.
SLACK_SECONDS: Final = 300
_LONGEST_SECONDS: Final = 2**31 - 1
"""What the database holds of a deadline: 68 years."""


def new_arms(
    config: BenchConfig, issue_id: str, workcell: Workcell, queue: str, sampled: SampledCase
) -> list[NewArm]:
    """The sampled arms of a case, with their executions and worst cases."""
    sampling = config.action_sampling
    priced = partial(
        _priced, limits=cost_model(workcell), most=config.execution_limits.max_minutes_per_candidate
    )
    for_gates = gate_seconds(workcell)
    replicates: dict[Action, list[Replicate]] = {}
    for replicate in expand_replicates(
        [arm.action for arm in sampled.arms],
        issue_id=issue_id,
        seed=sampling.seed,
        replicates=sampling.replicates,
        replicate_fraction=sampling.replicate_fraction,
    ):
        replicates.setdefault(replicate.action, []).append(replicate)
    arms = []
    for arm in sampled.arms:
        price = priced(arm.action)
        deadline = deadline_seconds(workcell, price.planned, for_gates)
        executions = [
            NewExecution(
                queue=queue,
                seed=replicate.seed,
                deadline_seconds=deadline,
                replicate=replicate.number,
                worst_micro_usd=price.worst_micro_usd,
                worst_ms=price.worst_ms,
            )
            for replicate in replicates[arm.action]
        ]
        arms.append(_arm(config, arm, price.document, executions))
    return arms


class _Price(NamedTuple):
    """An action with its limits resolved, and what it may cost."""

    planned: PlannedAction
    document: Json
    worst_micro_usd: int
    worst_ms: int


@lru_cache(maxsize=4096)
def _priced(action: Action, limits: CostModel, most: float | None) -> _Price:
    """The same for every case of a bench that has the action: worked out, and written as JSON, once."""
    planned = resolve_action(action, limits, most)
    return _Price(
        planned, planned.model_dump(mode="json"), worst_micro_usd(planned, limits), worst_ms(planned)
    )


def _arm(config: BenchConfig, arm: SampledArm, planned: Json, executions: Sequence[NewExecution]) -> NewArm:
    action, strategy = arm.action, get_strategy(config.action_sampling.strategy)
    return NewArm(
        **action_columns(action),
        strategy=strategy.name,
        strategy_version=strategy.version,
        propensity=arm.propensity,
        propensity_kind=arm.propensity_kind,
        stratum=arm.stratum,
        is_baseline=arm.is_baseline,
        is_executed=arm.is_executed,
        planned=planned,
        executions=executions,
    )


class ActionColumns(TypedDict):
    """An action as `NewArm` holds it."""

    swarm_id: str
    max_candidates: int | None
    max_minutes: int | None
    max_iterations: int | None
    canonical_rank: int


def action_columns(action: Action) -> ActionColumns:
    """The columns of an action."""
    return {
        "swarm_id": action.swarm_id,
        "max_candidates": null_if_na(action.max_candidates_bin),
        "max_minutes": null_if_na(action.max_minutes_bin),
        "max_iterations": null_if_na(action.max_iterations_bin),
        "canonical_rank": canonical_rank(action),
    }


def deadline_seconds(workcell: Workcell, planned: PlannedAction, for_gates: int) -> int:
    """After how long an execution is stuck, `for_gates` seconds of gates a round."""
    # Candidates may have to take turns on a machine with fewer slots: the deadline allows for it.
    budget = planned.candidates * planned.minutes * workcell.seconds_per_minute
    whole = math.ceil(budget) + planned.candidates * (planned.iterations + 1) * for_gates + SLACK_SECONDS
    return min(whole, _LONGEST_SECONDS)


def gate_seconds(workcell: Workcell) -> int:
    """The longest that all gates, with set-up, may take."""
    gates = sum(gate.timeout_seconds for gate in workcell.gates) * (1 + workcell.flaky_reruns)
    longest = math.ceil(gates + (workcell.setup_timeout_seconds if workcell.setup else 0))
    return min(longest, _LONGEST_SECONDS - SLACK_SECONDS)


def check_seconds(workcell: Workcell) -> int:
    """After how long the check of the base commit is stuck: each gate may run a second time, as a control."""
    return min(2 * gate_seconds(workcell) + SLACK_SECONDS, _LONGEST_SECONDS)


def null_if_na(value: Bin) -> int | None:
    """A budget as its column holds it."""
    return None if value == NA else int(value)
