"""Lanes: the three shapes of work that a balanced dataset covers."""

from dataclasses import dataclass
from typing import Final

from planner.actions import SERIAL, Action


@dataclass(frozen=True, slots=True)
class Lane:
    """A shape of work and the share of all examples that it should have."""

    name: str
    shape: str
    risks: frozenset[str]
    sizes: frozenset[str]
    candidates: int
    low: float
    high: float

    def holds(self, risk: str, size: str, action: Action) -> bool:
        """Whether an example with this label belongs here."""
        fits = risk in self.risks and size in self.sizes and action.max_candidates_bin == self.candidates
        return fits and (self.candidates > 1 or action.swarm_id == SERIAL)


LANES: Final = (
    Lane(
        "A",
        "low or medium risk, XS–M, serial",
        frozenset({"low", "medium"}),
        frozenset({"XS", "S", "M"}),
        1,
        0.50,
        0.70,
    ),
    Lane("B", "high risk, M–XL, ×2", frozenset({"high"}), frozenset({"M", "L", "XL"}), 2, 0.20, 0.40),
    Lane("C", "critical, L–XL, ×3", frozenset({"critical"}), frozenset({"L", "XL"}), 3, 0.05, 0.15),
)


def lane_of(risk: str, size: str, action: Action) -> str | None:
    """The name of the lane of an example; None where it belongs to none."""
    return next((lane.name for lane in LANES if lane.holds(risk, size, action)), None)
