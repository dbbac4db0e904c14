"""From the outcomes of a finished case to its verdict."""

from collections.abc import Sequence
from typing import Protocol

from bench.experiment.estimates import ArmOutcome, ReplicateOutcome
from bench.experiment.winners import CaseVerdict, WinnerRule, select_winner
from db.repositories.verdict_rows import CaseRows, StoredCase, StoredOutcome
from db.repositories.verdicts import NewVerdict, Verdicts
from planner.actions import NA, Action, Bin


class HasAction(Protocol):
    """Anything with the attributes of an action; None in a budget is NA."""

    @property
    def swarm_id(self) -> str: ...
    @property
    def max_candidates(self) -> int | None: ...
    @property
    def max_minutes(self) -> int | None: ...
    @property
    def max_iterations(self) -> int | None: ...


def action_of(arm: HasAction) -> Action:
    """The action of a row of `farm.arms`, or of another row with its columns."""
    return Action(arm.swarm_id, _bin(arm.max_candidates), _bin(arm.max_minutes), _bin(arm.max_iterations))


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
                _replicate(outcome, skip_timeouts)
                for execution in arm.executions
                if (outcome := execution.outcome) is not None
            ),
        )
        for arm in rows.arms
    ]


def skips_timeouts(case: StoredCase) -> bool:
    """Whether the bench of a case says that a timeout tells nothing."""
    return bool(case.config["execution_limits"]["timeout_behavior"] == "skip")


def _replicate(outcome: StoredOutcome, skip_timeouts: bool) -> ReplicateOutcome:
    return ReplicateOutcome(
        status="error" if skip_timeouts and outcome.status == "timeout" else outcome.status,
        duration_ms=outcome.duration_ms,
        micro_usd=outcome.micro_usd,
        fail_codes=len(outcome.fail_codes),
        gate_score=outcome.gate_score,
        charged_micro_usd=outcome.charged_micro_usd,
    )


def verdict_of(rows: CaseRows) -> CaseVerdict:
    """The verdict on a case under its bench's rule."""
    rule = WinnerRule(rows.case.objective, tuple(rows.case.tie_break))
    return select_winner(outcomes_of(rows), rule)


def decide(verdicts: Verdicts, case_ids: Sequence[int]) -> None:
    """Choose and keep the winners of finished cases. Idempotent: a second verdict changes nothing."""
    for rows in verdicts.load(case_ids):
        arm_ids = {action_of(arm): arm.arm_id for arm in rows.arms}
        verdict = verdict_of(rows)
        verdicts.store(
            rows.case.case_id,
            verdict.objective,
            NewVerdict(
                winner_arm_id=None if verdict.winner is None else arm_ids[verdict.winner],
                winner_value=verdict.winner_value,
                tie_size=verdict.tie_size,
                weights={str(arm_ids[action]): weight for action, weight in verdict.weights},
            ),
        )
