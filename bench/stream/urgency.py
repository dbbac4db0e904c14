"""The order in which ready issues get workcells; nothing waits for ever."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from bench.config.stream import Patience as PatienceSettings
from bench.intake.issue import PRIORITIES, Issue
from planner.documents.base import Priority


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an issue may wait before it counts for more."""

    step: timedelta = timedelta(hours=8)
    """Each of these raises the priority by one."""
    starving: timedelta = timedelta(hours=24)
    """From then on an issue is P0, and ahead of every P0 that has waited less."""


def patience_of(settings: PatienceSettings) -> Patience:
    """The `patience` block of a config as durations."""
    return Patience(timedelta(hours=settings.step_hours), timedelta(hours=settings.starving_hours))


class Place(NamedTuple):
    """A ready issue and why it stands where it does. Places sort: the first goes first."""

    priority: Priority
    """After what waiting added."""
    starving_since: datetime
    """When it became ready where it starves; the far future where it does not."""
    minus_critical_hours: float
    waiting_since: datetime
    issue_id: str

    @property
    def starving(self) -> bool:
        """Whether it has waited so long that nothing newer may pass."""
        return self.starving_since == self.waiting_since


def in_order(
    ready: Iterable[Issue],
    waiting_since: Mapping[str, datetime],
    critical_hours: Mapping[str, float],
    now: datetime,
    patience: Patience | None = None,
) -> list[Place]:
    """The places of `ready` issues, first come first.

    By priority as waiting has raised it; starving issues before others, the longest waiting first; then the
    longest chain of work behind the issue; then who waits longest; then the id. An issue without a
    `waiting_since` became ready now.
    """
    patience = patience or Patience()
    return sorted(
        _turn(issue, waiting_since.get(issue.id, now), critical_hours.get(issue.id, 0.0), now, patience)
        for issue in ready
    )


def _turn(issue: Issue, since: datetime, hours: float, now: datetime, patience: Patience) -> Place:
    waited = now - since
    starving = waited >= patience.starving
    steps = len(PRIORITIES) if starving else max(0, waited // patience.step)
    place = max(0, PRIORITIES.index(issue.dk_priority) - steps)
    far = datetime.max.replace(tzinfo=since.tzinfo)
    return Place(PRIORITIES[place], since if starving else far, -hours, since, issue.id)
