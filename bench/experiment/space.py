"""The sampling frame of a case (its allowed actions and their worst cases), and the sampled arms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from db.states import PropensityKind
from planner.actions import Action, JobType

Stratum = Literal["baseline", "executed", "other_topology", "cheaper", "dearer", "rest", "all"]


@dataclass(frozen=True, eq=False)
class ArmSpace:
    """The sampling frame: the actions that may be sampled, with worst cases.

    Compared by identity: reuse the same object for all cases that share it, as `worst_case.arm_space` does, so that
    their designs are cached.
    """

    job_type: JobType
    actions: tuple[Action, ...]
    """Allowed actions in canonical order."""
    worst_micro_usd: Mapping[Action, int]
    """Worst case of one execution, for every valid action, also those not allowed."""
    arm_ms: Mapping[Action, int]
    """Worst worker time of one arm with all its replicates, milliseconds."""
    max_total_ms: int | None = None
    """Limit of the worker time of all arms of a case together, milliseconds; None: no limit."""

    def worst_case(self, action: Action) -> tuple[int, int]:
        """The sort key of cheaper and dearer: micro-dollars, then worker time, which decides where work is free."""
        return self.worst_micro_usd[action], self.arm_ms[action]


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """The sampling settings of a bench, the same for all its cases."""

    k: int
    strategy: str = "coverage"
    """The name of a registered strategy."""
    seed: int = 42
    include_baseline: bool = True
    include_executed: bool = True
    racers: tuple[Action, ...] = ()
    """Arms that all cases of the bench share, in canonical order; set by `Strategy.prepare`, empty for most."""


@dataclass(frozen=True, slots=True)
class SamplingInput:
    """One case to be sampled."""

    issue_id: str
    space: ArmSpace
    baseline: Action
    executed: Action | None
    """The action of the last execution of the issue, where known."""
    rule: SamplingRule
    dealt: int = 0
    """Offset in a shared list of actions: how many of them earlier cases take; set by `Strategy.prepare`, 0 for most.
    """


class SampledArm(NamedTuple):
    """An arm of a case with its inclusion probability (`propensity`)."""

    action: Action
    propensity: float
    propensity_kind: PropensityKind
    stratum: Stratum
    is_baseline: bool
    is_executed: bool


class SampledCase(NamedTuple):
    """The arms of a case in canonical order, and a note on what was left out, in one line."""

    arms: tuple[SampledArm, ...]
    note: str | None
