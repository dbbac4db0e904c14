"""Priority scheduling of ready issues, with aging against starvation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from bench.config.stream import PatienceConfig
from bench.intake.issue import PRIORITIES, Issue
from planner.documents.base import Priority


@dataclass(frozen=True, slots=True)
class AgingPolicy:
    """How waiting time raises the priority of an issue."""

    step: timedelta = timedelta(hours=8)
    """Waiting time that raises the priority by one."""
    starving: timedelta = timedelta(hours=24)
    """Waiting time from which an issue is P0, and precedes every P0 that has waited less."""


def aging_of(settings: PatienceConfig) -> AgingPolicy:
    """The `patience` block of a config as durations."""
    return AgingPolicy(timedelta(hours=settings.step_hours), timedelta(hours=settings.starving_hours))


class QueueEntry(NamedTuple):
    """A ready issue with its sort key: entries are ordered by urgency, the most urgent first."""

    priority: Priority
    """After aging."""
    starving_since: datetime
    """When it became ready, for a starving issue; the maximum datetime for others."""
    minus_critical_hours: float
    waiting_since: datetime
    issue_id: str

    @property
    def starving(self) -> bool:
        """Whether it has waited so long that no newer issue may overtake it."""
        return self.starving_since == self.waiting_since


def urgency_order(
    ready: Iterable[Issue],
    waiting_since: Mapping[str, datetime],
    critical_hours: Mapping[str, float],
    now: datetime,
    aging: AgingPolicy | None = None,
) -> list[QueueEntry]:
    """The entries of `ready` issues, most urgent first.

    Ordered by priority after aging; starving issues before others, the longest waiting first; then the longest
    critical path (`critical_hours`, in hours); then the longest waiting time; then the id. An issue without a
    `waiting_since` became ready now.
    """
    aging = aging or AgingPolicy()
    return sorted(
        _entry(issue, waiting_since.get(issue.id, now), critical_hours.get(issue.id, 0.0), now, aging)
        for issue in ready
    )


def _entry(issue: Issue, since: datetime, hours: float, now: datetime, aging: AgingPolicy) -> QueueEntry:
    waited = now - since
    starving = waited >= aging.starving
    steps = len(PRIORITIES) if starving else max(0, waited // aging.step)
    level = max(0, PRIORITIES.index(issue.dk_priority) - steps)
    far = datetime.max.replace(tzinfo=since.tzinfo)
    return QueueEntry(PRIORITIES[level], since if starving else far, -hours, since, issue.id)
