"""The verdict of a finished case, from its stored outcomes."""

from collections.abc import Sequence
from typing import Protocol

from bench.experiment.estimates import ArmOutcome, ReplicateOutcome
from bench.experiment.winners import CaseVerdict, WinnerRule, select_winner
from db.repositories.verdict_rows import CaseRows, StoredCase, StoredOutcome
from db.repositories.verdicts import NewVerdict, Verdicts
from planner.actions import NA, Action, Bin


class ActionRow(Protocol):
    """A row with the columns of an action; a budget of None is NA."""

    @property
    def swarm_id(self) -> str: ...
    @property
    def max_candidates(self) -> int | None: ...
    @property
    def max_minutes(self) -> int | None: ...
    @property
    def max_iterations(self) -> int | None: ...


def action_of(arm: ActionRow) -> Action:
    """The action of a row of `farm.arms`, or of another row with its columns."""
    return Action(arm.swarm_id, _bin(arm.max_candidates), _bin(arm.max_minutes), _bin(arm.max_iterations))


def _bin(value: int | None) -> Bin:
    return NA if value is None else value


def outcomes_of(rows: CaseRows) -> list[ArmOutcome]:
    """The arms of a case with their outcomes, as input of the winner selection.

    With `timeout_behavior: skip` a timeout is missing data, like an error.
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
            sum(execution.spent_micro_usd for execution in arm.executions),
        )
        for arm in rows.arms
    ]


def skips_timeouts(case: StoredCase) -> bool:
    """Whether a timeout is missing data in the bench of a case."""
    return bool(case.config["execution_limits"]["timeout_behavior"] == "skip")


def _replicate(outcome: StoredOutcome, skip_timeouts: bool) -> ReplicateOutcome:
    return ReplicateOutcome(
        status="error" if skip_timeouts and outcome.status == "timeout" else outcome.status,
        duration_ms=outcome.duration_ms,
        micro_usd=outcome.micro_usd,
        fail_codes=len(outcome.fail_codes),
        gate_score=outcome.gate_score,
        charged_micro_usd=outcome.charged_micro_usd,
        provider_wait_ms=outcome.provider_wait_ms,
    )


def verdict_of(rows: CaseRows) -> CaseVerdict:
    """The verdict on a case under the winner rule of its bench."""
    rule = WinnerRule(rows.case.objective, tuple(rows.case.tie_break))
    return select_winner(outcomes_of(rows), rule)


def decide(verdicts: Verdicts, case_ids: Sequence[int]) -> None:
    """Store the verdicts of finished cases. Idempotent: a second verdict changes nothing."""
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
                weights={str(arm_ids[action]): 1 / verdict.tie_size for action in verdict.tied},
            ),
        )
