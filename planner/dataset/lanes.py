"""Lanes: the three shapes of work that a balanced dataset covers."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count as counting_from
from typing import Final, NamedTuple

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

    def fits(self, risk: str, size: str) -> bool:
        """Whether an issue of this risk and size may belong here, given how it is worked on."""
        return risk in self.risks and size in self.sizes

    def holds(self, risk: str, size: str, action: Action) -> bool:
        """Whether an example with this label belongs here."""
        runs_so = action.max_candidates_bin == self.candidates
        return self.fits(risk, size) and runs_so and (self.candidates > 1 or action.swarm_id == SERIAL)

    def least(self, total: int) -> int:
        """The fewest of `total` examples that meet the target."""
        return -(-round(100 * self.low) * total // 100)

    def most(self, total: int) -> int:
        """The most of `total` examples that meet the target."""
        return round(100 * self.high) * total // 100


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
OTHER: Final = "other"
"""What belongs to no lane; it has no target, but it takes its share from those that do."""


def lane_of(risk: str, size: str, action: Action) -> str | None:
    """The name of the lane of an example; None where it belongs to none."""
    return next((lane.name for lane in LANES if lane.holds(risk, size, action)), None)


class Coverage(NamedTuple):
    """One lane's part of all examples."""

    lane: Lane
    examples: int
    share: float | None
    """None where there are no examples at all."""
    verdict: str
    """few, many, or met."""
    missing: int
    """Examples to add to this lane, given what the others are to get, so that all three meet their targets."""


def coverage(counts: Mapping[str | None, int]) -> list[Coverage]:
    """Each lane's standing; `counts` are examples by lane, those of none under None."""
    total = sum(counts.values())
    missing = additions(counts)
    return [_coverage(lane, counts.get(lane.name, 0), total, missing[lane.name]) for lane in LANES]


def _coverage(lane: Lane, examples: int, total: int, missing: int) -> Coverage:
    verdict = "few" if examples < lane.least(total) else "many" if examples > lane.most(total) else "met"
    return Coverage(lane, examples, examples / total if total else None, verdict, missing)


def additions(counts: Mapping[str | None, int]) -> dict[str, int]:
    """The fewest examples to add, by lane, so that every lane meets its target; nothing is ever taken away."""
    known = {lane.name: counts.get(lane.name, 0) for lane in LANES}
    total = sum(counts.values())
    others = total - sum(known.values())
    # Below these, some lane or what is in none has too large a share, whatever is added.
    free = 1 - sum(lane.low for lane in LANES)
    beginning = max(total, int(others / free), *(int(known[lane.name] / lane.high) for lane in LANES))
    sizes = (_added(known, others, size) for size in counting_from(beginning))
    return next(added for added in sizes if added is not None)


def _added(known: Mapping[str, int], others: int, total: int) -> dict[str, int] | None:
    """How to grow the lanes to `total` examples with `others`; None where that meets no targets."""
    wanted = {lane.name: max(known[lane.name], lane.least(total)) for lane in LANES}
    if any(wanted[lane.name] > lane.most(total) for lane in LANES):
        return None
    rest = total - others - sum(wanted.values())
    if rest < 0:
        return None
    for lane in LANES:
        more = min(rest, lane.most(total) - wanted[lane.name])
        wanted[lane.name] += more
        rest -= more
    return None if rest else {name: wanted[name] - known[name] for name in wanted}
