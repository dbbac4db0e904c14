"""Base class of the strategies that draw each case independently, from a `SlotDesign`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar, NamedTuple

from bench.experiment.slot_design import SlotDesign, SlotPlan
from bench.experiment.space import ArmSpace, SamplingInput, SamplingRule, Stratum
from bench.experiment.strategies.certain import certain_arms
from bench.experiment.strategies.contract import Drawn
from bench.experiment.streams import Stream
from planner.actions import Action


class Filling(NamedTuple):
    """The strata and the slot plans of the free actions of a design."""

    strata: tuple[Stratum, ...]
    plans: tuple[SlotPlan, ...]


class SlotStrategy(ABC):
    """A `Strategy` whose sub-classes define only how the slots next to the certain arms are filled."""

    name: ClassVar[str]
    version: ClassVar[str]
    uses_k: ClassVar[bool] = True
    races: ClassVar[bool] = False

    @abstractmethod
    def fill(self, space: ArmSpace, baseline: Action, free: Sequence[Action], slots: int) -> Filling:
        """The plans that draw `slots` of the `free` actions, which are in canonical order."""

    def is_randomised(self, limited: bool) -> bool:  # noqa: ARG002  # one signature for all strategies
        return True

    def prepare(self, cases: Sequence[SamplingInput], ranks: Mapping[str, int]) -> list[SamplingInput]:  # noqa: ARG002
        return list(cases)

    def design(self, case: SamplingInput) -> SlotDesign:
        return _slot_design(self, case.space, case.baseline, case.executed, case.rule)

    def draw(self, case: SamplingInput) -> Drawn:
        return Drawn(self.design(case).draw(Stream(case.rule.seed, case.issue_id, self.version)))


@lru_cache(maxsize=4096)
def _slot_design(
    strategy: SlotStrategy,
    space: ArmSpace,
    baseline: Action,
    executed: Action | None,
    rule: SamplingRule,
) -> SlotDesign:
    certain = certain_arms(space, baseline, executed, rule, uses_k=strategy.uses_k)
    free = tuple(action for action in space.actions if action not in certain.actions)
    slots = rule.k - len(certain.actions) if strategy.uses_k else len(free)
    strata, plans = strategy.fill(space, baseline, free, slots)
    return SlotDesign(certain.actions, certain.strata, free, strata, plans, certain.notes)


def one_stratum(free: Sequence[Action]) -> tuple[Stratum, ...]:
    """The strata of an unstratified design."""
    return tuple("all" for _ in free)


def first_in_order(slots: int) -> tuple[SlotPlan, ...]:
    """The deterministic plan of the first `slots` free actions."""
    return (SlotPlan(tuple((position,) for position in range(slots)), 0),)
