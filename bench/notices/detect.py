"""Detection of events: queries over rows, stored as notices once each, whichever coordinator runs them."""

import hashlib
from datetime import UTC, datetime

import sqlalchemy as sa

from bench.notices import wording
from db.repositories.benches import Benches
from db.repositories.notice_events import EndedBench, NoticeEvents
from db.repositories.notice_settings import read_notice_settings
from db.repositories.notices import Notice, Notices
from planner.system.foreign_text import visible_line

_DRIFT_DAYS = 90


class Detector:
    """Finds events that have no notice yet. Idempotent: what it stores is keyed by the event."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._notices, self._events, self._benches = Notices(engine), NoticeEvents(engine), Benches(engine)

    def run(self, now: datetime) -> int:
        """Store a notice for each new event; returns how many. Without a target there is nothing to detect."""
        targets = self._notices.targets()
        if not targets:
            return 0
        since = min(target.added_at for target in targets)
        new = self._notices.store(self._from_rows(since))
        return new + self._drift(now)

    def _from_rows(self, since: datetime) -> list[Notice]:
        with self._engine.connect() as connection:
            settings = read_notice_settings(connection)
        events = self._events
        return [
            *(self._of_ended(event) for event in events.ended(since)),
            *map(wording.of_cap, events.caps(since, settings.cap_percent)),
            *map(wording.of_suspended_machine, events.suspended(since)),
            *map(wording.of_starving_class, events.starving(settings.starving_minutes)),
        ]

    def _of_ended(self, event: EndedBench) -> Notice:
        bench = self._benches.get(event.bench_id)
        return wording.of_ended_bench(event, bench, self._benches.cases(event.bench_id))

    def _drift(self, now: datetime) -> int:
        """Store what the drift test of this day finds; it runs once a day (UTC), whatever process runs it.

        A test at every tick would look at the same data again and again, and find by chance what is not there.
        """
        today = now.astimezone(UTC).date()
        if self._notices.drift_day() == today:
            return 0
        new = self._notices.store(drift_notices(self._engine, now))
        self._notices.set_drift_day(today)
        return new


def drift_notices(engine: sa.Engine, now: datetime) -> list[Notice]:
    """A notice for each significant regression of `bench drift`."""
    from bench.results.drift import read_drift, regressions, worsened

    report = read_drift(engine, _DRIFT_DAYS, now.astimezone(UTC).date())
    notices = []
    for comparison, line in zip(regressions(report), worsened(report), strict=True):
        identity = hashlib.sha256(f"{comparison.before}\0{comparison.after}".encode()).hexdigest()
        subject = "the same work passes less often than before"
        text = f"{visible_line(line)}. See: bench drift"
        notices.append(Notice(f"drift_found:{identity}", "drift_found", now, None, subject, text))
    return notices
