"""How far a planner is trusted: what really runs, given what it decided."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from planner.actions import JOB_TYPES, NA, SERIAL, Action, Bin, JobType
from planner.space.baseline import clamp_action

Mode = Literal["off", "log", "enforce"]
RISKS: Final = ("low", "medium", "high", "critical")


class Execution(NamedTuple):
    """What to run, and how it came about."""

    action: Action
    enforced: bool
    """Whether the planner's decision runs, be it changed by `force_swarm`; otherwise the baseline does."""
    reason: str | None
    """Why the baseline runs, or what was changed; None where the decision runs as it is."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """The steps between recording what a planner would do and doing it."""

    mode: Mode = "enforce"
    """off: do not ask; log: ask and record, run the baseline; enforce: run the decision where the rest allows."""
    job_types: tuple[str, ...] = JOB_TYPES
    risks: tuple[str, ...] = RISKS
    reductions_only: bool = False
    """Run a decision only where no part of it is more than the baseline's."""
    force_swarm: str | None = None
    """The swarm of every enforced decision; the rest of the decision follows as far as it stays valid."""

    def resolve(
        self, decided: Action, baseline: Action, job_type: JobType, risk: str | None, abstains: bool = False
    ) -> Execution:
        """What runs: `decided`, or `baseline` with the reason. Both are valid for `job_type`, and so is the result.

        An unknown or missing risk counts as medium. A decision that abstains is the baseline already.
        """
        held_back = self._held_back(job_type, risk)
        if held_back is None and abstains:
            held_back = "abstained"
        if held_back is not None:
            return Execution(baseline, False, held_back)
        reason = None
        if self.force_swarm is not None and decided.swarm_id != self.force_swarm:
            decided = clamp_action(decided._replace(swarm_id=self.force_swarm), job_type)
            reason = f"forced_{self.force_swarm}"
        if self.reductions_only and not is_reduction(decided, baseline):
            return Execution(baseline, False, "not_a_reduction")
        return Execution(decided, True, reason)

    def _held_back(self, job_type: JobType, risk: str | None) -> str | None:
        if self.mode == "off":
            return "planner_off"
        if self.mode == "log":
            return "shadow_mode"
        if job_type not in self.job_types:
            return "job_type_not_enabled"
        known = risk if risk in RISKS else "medium"
        return None if known in self.risks else "risk_not_enabled"


def is_reduction(action: Action, baseline: Action) -> bool:
    """Whether no part of `action` is more than the baseline's; equal counts, and NA is more than any number."""
    swarms = action.swarm_id in (SERIAL, baseline.swarm_id)
    budgets = zip(action[1:], baseline[1:], strict=True)
    return swarms and all(_size(mine) <= _size(theirs) for mine, theirs in budgets)


def _size(budget: Bin) -> float:
    return float("inf") if budget == NA else budget
