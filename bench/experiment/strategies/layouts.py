"""Base class of the strategies whose cases are drawn independently, each from a `Layout`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar, NamedTuple

from bench.experiment.layout import Layout, Plan
from bench.experiment.space import ArmSpace, SamplingInput, SamplingRule, Stratum
from bench.experiment.strategies.certain import certain_arms
from bench.experiment.strategies.contract import Drawn
from bench.experiment.streams import Stream
from planner.actions import Action


class Filling(NamedTuple):
    """How the free actions of a layout are drawn: the stratum of each, and the plans."""

    strata: tuple[Stratum, ...]
    plans: tuple[Plan, ...]


class LayoutStrategy(ABC):
    """A `Strategy` that says how to fill the slots which certain arms leave; the rest of the contract is here."""

    name: ClassVar[str]
    version: ClassVar[str]
    uses_k: ClassVar[bool] = True
    races: ClassVar[bool] = False

    @abstractmethod
    def fill(self, space: ArmSpace, baseline: Action, free: Sequence[Action], slots: int) -> Filling:
        """How `slots` of the `free` actions (in canonical order) are drawn."""

    def is_randomised(self, limited: bool) -> bool:  # noqa: ARG002  # one signature for all strategies
        return True

    def prepare(self, cases: Sequence[SamplingInput], ranks: Mapping[str, int]) -> list[SamplingInput]:  # noqa: ARG002
        return list(cases)

    def design(self, case: SamplingInput) -> Layout:
        return _layout(self, case.space, case.baseline, case.executed, case.rule)

    def draw(self, case: SamplingInput) -> Drawn:
        return Drawn(self.design(case).draw(Stream(case.rule.seed, case.issue_id, self.version)))


@lru_cache(maxsize=4096)
def _layout(
    strategy: LayoutStrategy,
    space: ArmSpace,
    baseline: Action,
    executed: Action | None,
    rule: SamplingRule,
) -> Layout:
    certain = certain_arms(space, baseline, executed, rule, uses_k=strategy.uses_k)
    free = tuple(action for action in space.actions if action not in certain.actions)
    slots = rule.k - len(certain.actions) if strategy.uses_k else len(free)
    strata, plans = strategy.fill(space, baseline, free, slots)
    return Layout(certain.actions, certain.strata, free, strata, plans, certain.notes)


def one_stratum(free: Sequence[Action]) -> tuple[Stratum, ...]:
    """The strata of free actions that are not told apart."""
    return tuple("all" for _ in free)


def first_in_order(slots: int) -> tuple[Plan, ...]:
    """The plan that takes the first `slots` free actions, without chance."""
    return (Plan(tuple((position,) for position in range(slots)), 0),)
