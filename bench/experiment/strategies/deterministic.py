"""The `deterministic` strategy: the first K actions in canonical order."""

from collections.abc import Sequence

from bench.experiment.space import ArmSpace
from bench.experiment.strategies.layouts import Filling, LayoutStrategy, first_in_order, one_stratum
from planner.actions import Action


class DeterministicStrategy(LayoutStrategy):
    """π ∈ {0, 1}: no off-policy estimate is possible from its benches."""

    name = "deterministic"
    version = "deterministic.1"

    def is_randomised(self, limited: bool) -> bool:  # noqa: ARG002  # one signature for all strategies
        return False

    def fill(self, space: ArmSpace, baseline: Action, free: Sequence[Action], slots: int) -> Filling:  # noqa: ARG002
        return Filling(one_stratum(free), first_in_order(slots))
