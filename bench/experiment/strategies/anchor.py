"""The `anchor` strategy: every allowed action; K is not used."""

from collections.abc import Sequence

from bench.experiment.space import ArmSpace
from bench.experiment.strategies.slot_strategy import Filling, SlotStrategy, first_in_order, one_stratum
from planner.actions import Action


class AnchorStrategy(SlotStrategy):
    """A census: π = 1 for every allowed action."""

    name = "anchor"
    version = "anchor.1"
    uses_k = False

    def is_randomised(self, limited: bool) -> bool:
        # A census has exact probabilities; under a time limit it always leaves out the same actions.
        return not limited

    def fill(self, space: ArmSpace, baseline: Action, free: Sequence[Action], slots: int) -> Filling:  # noqa: ARG002
        return Filling(one_stratum(free), first_in_order(slots))
