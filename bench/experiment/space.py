"""The arms that a case may draw, and what a draw is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from db.states import PropensityKind
from planner.actions import Action, JobType

Stratum = Literal["baseline", "executed", "other_topology", "cheaper", "dearer", "rest", "all"]


@dataclass(frozen=True, eq=False)
class ArmSpace:
    """The actions that may be sampled, with worst cases. Compared by identity: reuse one object for all cases
    that share it (`worst_case.arm_space` does), and sampling finds its strata ready.
    """

    job_type: JobType
    actions: tuple[Action, ...]
    """Allowed actions in canonical order."""
    worst_micro_usd: Mapping[Action, int]
    """Worst case of one execution, for every valid action, also those not allowed."""
    arm_ms: Mapping[Action, int]
    """Worst worker time of one arm with all its replicates, milliseconds."""
    max_total_ms: int | None = None
    """What the arms of one case may add up to; None: no limit."""

    def worst_case(self, action: Action) -> tuple[int, int]:
        """What cheaper and dearer compare: money first; worker time decides where work is free."""
        return self.worst_micro_usd[action], self.arm_ms[action]


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """How a bench samples; the same for all its cases."""

    k: int
    strategy: str = "coverage"
    """The name of a registered strategy."""
    seed: int = 42
    include_baseline: bool = True
    include_executed: bool = True
    racers: tuple[Action, ...] = ()
    """Arms that all cases of the bench share, in canonical order; set by `Strategy.prepare`, by most to none."""


@dataclass(frozen=True, slots=True)
class SamplingInput:
    """One case to be sampled."""

    issue_id: str
    space: ArmSpace
    baseline: Action
    executed: Action | None
    """The action the issue was last executed with, where known."""
    rule: SamplingRule
    dealt: int = 0
    """How much of a shared list earlier cases take; set by `Strategy.prepare`, by most to 0."""


class SampledArm(NamedTuple):
    """One action that a case will try, with the probability it had of being chosen."""

    action: Action
    propensity: float
    propensity_kind: PropensityKind
    stratum: Stratum
    is_baseline: bool
    is_executed: bool


class SampledCase(NamedTuple):
    """The arms of one case in canonical order, and what the limits took away, in one line."""

    arms: tuple[SampledArm, ...]
    note: str | None
