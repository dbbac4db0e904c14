"""From the outcomes of a finished case to its verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.experiment.estimates import ArmOutcome, ReplicateOutcome
from bench.experiment.winners import CaseVerdict, WinnerRule, select_winner
from db.repositories.verdicts import CaseRows, NewVerdict, Verdicts
from planner.actions import NA, Action, Bin


def action_of(arm: Mapping[str, Any]) -> Action:
    """The action of a row of `farm.arms`, where NULL is NA."""
    return Action(
        arm["swarm_id"], _bin(arm["max_candidates"]), _bin(arm["max_minutes"]), _bin(arm["max_iterations"])
    )


def _bin(value: int | None) -> Bin:
    return NA if value is None else value


def outcomes_of(rows: CaseRows) -> list[ArmOutcome]:
    """The arms of a case as the winner selection takes them.

    With `timeout_behavior: skip` a timeout says nothing about an arm, as an error does not.
    """
    skip_timeouts = skips_timeouts(rows.case)
    return [
        ArmOutcome(
            action_of(arm),
            tuple(
                _replicate(execution, skip_timeouts)
                for execution in arm["executions"]
                if execution["status"] is not None
            ),
        )
        for arm in rows.arms
    ]


def skips_timeouts(case: Mapping[str, Any]) -> bool:
    """Whether the bench of a case says that a timeout tells nothing."""
    return bool(case["config"]["execution_limits"]["timeout_behavior"] == "skip")


def _replicate(execution: Mapping[str, Any], skip_timeouts: bool) -> ReplicateOutcome:
    status = execution["status"]
    return ReplicateOutcome(
        status="error" if skip_timeouts and status == "timeout" else status,
        duration_ms=execution["duration_ms"],
        micro_usd=execution["micro_usd"],
        fail_codes=len(execution["fail_codes"] or ()),
        gate_score=execution["gate_score"],
        charged_micro_usd=execution["charged_micro_usd"],
    )


def verdict_of(rows: CaseRows) -> CaseVerdict:
    """The verdict on a case under its bench's rule."""
    rule = WinnerRule(rows.case["objective"], tuple(rows.case["tie_break"]))
    return select_winner(outcomes_of(rows), rule)


def decide(verdicts: Verdicts, case_ids: Sequence[int]) -> None:
    """Choose and keep the winners of finished cases. Idempotent: a second verdict changes nothing."""
    for rows in verdicts.load(case_ids):
        arm_ids = {action_of(arm): int(arm["arm_id"]) for arm in rows.arms}
        verdict = verdict_of(rows)
        verdicts.store(
            rows.case["case_id"],
            verdict.objective,
            NewVerdict(
                winner_arm_id=None if verdict.winner is None else arm_ids[verdict.winner],
                winner_value=verdict.winner_value,
                tie_size=verdict.tie_size,
                weights={str(arm_ids[action]): weight for action, weight in verdict.weights},
            ),
        )
