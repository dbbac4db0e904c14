"""The `deterministic` strategy: the first K actions in canonical order."""

from collections.abc import Sequence

from bench.experiment.space import ArmSpace
from bench.experiment.strategies.slot_strategy import Filling, SlotStrategy, first_in_order, one_stratum
from planner.actions import Action


class DeterministicStrategy(SlotStrategy):
    """A fixed selection, π ∈ {0, 1}: its benches allow no off-policy estimate."""

    name = "deterministic"
    version = "deterministic.1"

    def is_randomised(self, limited: bool) -> bool:  # noqa: ARG002  # one signature for all strategies
        return False

    def fill(self, space: ArmSpace, baseline: Action, free: Sequence[Action], slots: int) -> Filling:  # noqa: ARG002
        return Filling(one_stratum(free), first_in_order(slots))
