"""Recommendation of one fixed action against today's policy: the values that a report begins with."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from bench.statistics.estimate import Estimate

Word = Literal["sure", "likely", "unsure"]
SURE: Final = 0.99
LIKELY: Final = 0.80
FEWEST_ISSUES: Final = 10
"""Fewer issues are never called sure, and their estimate says nothing of what would settle it."""


class Settling(NamedTuple):
    """A bench that would make the comparison sure with 80 % power, in addition to what ran and is still to come."""

    difference: float
    """The difference in pass rates that it would find: the estimated one, or a stated one where issues are few."""
    issues: int
    """Issues on which both actions run once; 0 where those still to come in a running bench suffice."""
    usd: float | None
    """What their runs would cost; None where costs are unknown."""


class BestAction(NamedTuple):
    """One of the best actions, or today's policy."""

    cell: int | None
    """None: today's policy, where that is not the same action on every issue."""
    is_today: bool
    passes: Estimate
    """Pass rate on issues like these; a bracket without a value where bounds lead."""
    difference: Estimate | None
    """Pass rate minus that of today's policy; None for today's, where today's did not run, and where bounds lead."""
    effective_runs: float
    """Kish's effective number of its observed runs."""
    dollars: Estimate
    """Mean cost of a run."""
    chance_best: float | None
    """P(best) among the fixed actions; None for a policy that is no fixed action, and where bounds lead."""


@dataclass(frozen=True)
class Recommendation:
    """The action to use, or why there is none; `why_not` is then one line with what is missing and how to get it."""

    estimand: str
    issues: int
    """Issues with an observed run."""
    runs: int
    """Observed runs."""
    missing: float
    """Share of missing runs."""
    expected: int | None = None
    """Issues at the end, while the bench runs; None once all are decided."""
    why_not: str | None = None
    cell: int | None = None
    """The action to use; None also where today's policy, which is not one action, is the best."""
    keeps_today: bool = False
    word: Word | None = None
    """None where bounds lead."""
    chance: float | None = None
    """Posterior probability that the recommended is better than today's policy, half of the ties included; that it is
    the best of all, where it is today's itself or today's did not run. For today's that is kept with a lower
    mean, that it is better than the rival."""
    rival: int | None = None
    """The action it is compared with; None for a policy that is not one action."""
    rival_is_today: bool = False
    difference: Estimate | None = None
    """Pass rate minus the rival's; a bracket without a value where bounds lead."""
    dollars: Estimate | None = None
    """Dollars a run minus the rival's."""
    settling: Settling | None = None
    """None where it is settled, where no bench of a sensible size would settle it, and where bounds lead."""
    best: tuple[BestAction, ...] = ()

    @property
    def bounds_lead(self) -> bool:
        """Whether too many runs are missing for anything but bounds."""
        return self.why_not is None and self.word is None
