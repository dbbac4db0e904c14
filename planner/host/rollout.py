"""Staged rollout: which action runs, given the planner's decision."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from planner.actions import JOB_TYPES, NA, SERIAL, Action, Bin, JobType
from planner.space.baseline import clamp_action

Mode = Literal["off", "log", "enforce"]
RISKS: Final = ("low", "medium", "high", "critical")


class Execution(NamedTuple):
    """The action to run and its origin."""

    action: Action
    enforced: bool
    """Whether the planner's decision runs, possibly changed by `force_swarm`; otherwise the baseline runs."""
    reason: str | None
    """Why the baseline runs, or what was changed; None for an unchanged decision."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Rollout rules, from shadow mode to full enforcement."""

    mode: Mode = "enforce"
    """off: no decision; log: shadow mode, record the decision and run the baseline; enforce: run allowed decisions."""
    job_types: tuple[str, ...] = JOB_TYPES
    risks: tuple[str, ...] = RISKS
    reductions_only: bool = False
    """Run a decision only if no part of it exceeds the baseline's."""
    force_swarm: str | None = None
    """The swarm of every enforced decision; its budgets are clamped to a valid action."""

    def resolve(
        self, decided: Action, baseline: Action, job_type: JobType, risk: str | None, abstains: bool = False
    ) -> Execution:
        """Choose between `decided` and `baseline`, both valid for `job_type`.

        An unknown or missing risk counts as medium. On abstention the decision is the baseline already.

        Returns a valid action, with the reason where it is not the unchanged decision.
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
    """Whether no part of `action` exceeds the baseline's; NA exceeds every number."""
    swarms = action.swarm_id in (SERIAL, baseline.swarm_id)
    budgets = zip(action[1:], baseline[1:], strict=True)
    return swarms and all(_size(mine) <= _size(theirs) for mine, theirs in budgets)


def _size(budget: Bin) -> float:
    return float("inf") if budget == NA else budget
