"""The `random` strategy: K actions uniformly without replacement."""

from collections.abc import Sequence

from bench.experiment.slot_design import SlotPlan
from bench.experiment.space import ArmSpace
from bench.experiment.strategies.slot_strategy import Filling, SlotStrategy, one_stratum
from planner.actions import Action


class RandomStrategy(SlotStrategy):
    """Simple random sampling without replacement."""

    name = "random"
    version = "random.1"

    def fill(self, space: ArmSpace, baseline: Action, free: Sequence[Action], slots: int) -> Filling:  # noqa: ARG002
        return Filling(one_stratum(free), (SlotPlan((), slots),))
