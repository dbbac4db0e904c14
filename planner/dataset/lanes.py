"""Lanes: the three strata of work that a balanced dataset covers."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count as counting_from
from typing import Final, NamedTuple

from planner.actions import SERIAL, Action


@dataclass(frozen=True, slots=True)
class Lane:
    """A stratum of work and its target share of all examples."""

    name: str
    shape: str
    risks: frozenset[str]
    sizes: frozenset[str]
    candidates: int
    low: float
    high: float

    def fits(self, risk: str, size: str) -> bool:
        """Whether issues of this risk and size can be in this lane."""
        return risk in self.risks and size in self.sizes

    def holds(self, risk: str, size: str, action: Action) -> bool:
        """Whether an example with this label is in this lane."""
        runs_so = action.max_candidates_bin == self.candidates
        return self.fits(risk, size) and runs_so and (self.candidates > 1 or action.swarm_id == SERIAL)

    def least(self, total: int) -> int:
        """The minimum of `total` examples that meets the target."""
        return -(-round(100 * self.low) * total // 100)

    def most(self, total: int) -> int:
        """The maximum of `total` examples that meets the target."""
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
"""Examples outside every lane: without a target, but part of the total."""


def lane_of(risk: str, size: str, action: Action) -> str | None:
    """The name of the lane of an example, or None."""
    return next((lane.name for lane in LANES if lane.holds(risk, size, action)), None)


class Coverage(NamedTuple):
    """Coverage of one lane."""

    lane: Lane
    examples: int
    share: float | None
    """None where the dataset is empty."""
    verdict: str
    """few (below the target), many (above it) or met."""
    missing: int
    """Examples to add to this lane, together with the additions to the others, to meet all three targets."""


def coverage(counts: Mapping[str | None, int]) -> list[Coverage]:
    """Coverage of each lane; `counts` are examples by lane, with None for those outside every lane."""
    total = sum(counts.values())
    missing = additions(counts)
    return [_coverage(lane, counts.get(lane.name, 0), total, missing[lane.name]) for lane in LANES]


def _coverage(lane: Lane, examples: int, total: int, missing: int) -> Coverage:
    verdict = "few" if examples < lane.least(total) else "many" if examples > lane.most(total) else "met"
    return Coverage(lane, examples, examples / total if total else None, verdict, missing)


def additions(counts: Mapping[str | None, int]) -> dict[str, int]:
    """The fewest examples to add, by lane, so that every lane meets its target; none is removed."""
    known = {lane.name: counts.get(lane.name, 0) for lane in LANES}
    total = sum(counts.values())
    others = total - sum(known.values())
    # Lower bounds of the total: below them some share stays too large, whatever is added.
    free = 1 - sum(lane.low for lane in LANES)
    beginning = max(total, int(others / free), *(int(known[lane.name] / lane.high) for lane in LANES))
    sizes = (_added(known, others, size) for size in counting_from(beginning))
    return next(added for added in sizes if added is not None)


def _added(known: Mapping[str, int], others: int, total: int) -> dict[str, int] | None:
    """Additions by lane for `total` examples including `others`; None where the targets cannot be met."""
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
