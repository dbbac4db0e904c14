"""Queries that find events to notice: each row is an event that has no notice yet, with the key that identifies it."""

from datetime import date, datetime
from typing import Literal, NamedTuple

import sqlalchemy as sa

from db.rows import read_rows
from db.states import BenchKind

_NEW = "NOT EXISTS (SELECT FROM farm.notices n WHERE n.key = x.key)"
_ENDED = sa.text(f"""
    SELECT * FROM (
        SELECT 'bench_finished:' || bench_id || ':' || extract(epoch FROM finished_at) AS key, bench_id, kind,
               'finished' AS what, finished_at AS at, NULL AS reason
        FROM farm.benches WHERE state = 'finished' AND finished_at >= :since
        UNION ALL
        SELECT 'bench_halted:' || bench_id || ':' || extract(epoch FROM halted_at), bench_id, kind, 'halted',
               halted_at, halt_reason
        FROM farm.benches WHERE halted_at >= :since) x
    WHERE {_NEW} ORDER BY at, key LIMIT 100""")  # noqa: S608  # no data in it
_SUSPENDED = sa.text(f"""
    SELECT * FROM (
        SELECT 'machine_suspended:' || machine_id || ':' || extract(epoch FROM suspended_at) AS key, machine_id,
               suspended_at AS at
        FROM farm.machines WHERE suspended_at >= :since) x
    WHERE {_NEW} ORDER BY at, key LIMIT 100""")  # noqa: S608  # no data in it
# A cap is used up where its limit is spent, or where it has turned away work that only what was spent left no room for:
# a bench's cap for good, a day's while nothing is reserved that could become free again.
_CAPS = sa.text(f"""
    WITH caps AS (
        SELECT k.cap_id, k.bench_id, k.day, r.*
        FROM farm.caps k LEFT JOIN farm.benches b USING (bench_id) CROSS JOIN LATERAL (VALUES
            ('dollars', k.usd_spent + k.usd_overrun, k.usd_reserved, k.usd_limit),
            ('minutes', k.ms_spent, k.ms_reserved, k.ms_limit),
            ('executions', k.executions_spent, k.executions_reserved, k.executions_limit)
        ) r (resource, used, reserved, most)
        WHERE r.most > 0 AND r.used > 0 AND CASE k.scope
            WHEN 'bench' THEN b.state IN ('open', 'halted') OR (b.state = 'finished' AND b.finished_at >= :since)
            -- Also in the first minutes of the next day.
            WHEN 'day' THEN k.day >= (greatest(:since, clock_timestamp() - interval '10 minutes')
                                      AT TIME ZONE 'UTC')::date
            ELSE false END
    ), asked AS (
        SELECT k.*, c.state, (
            SELECT sum(CASE k.resource WHEN 'dollars' THEN e.worst_micro_usd WHEN 'minutes' THEN e.worst_ms ELSE 1 END)
            FROM farm.executions e
            WHERE e.case_id = c.case_id AND e.arm_id IS NOT NULL
              AND (e.state = 'pending' OR (e.state = 'skipped' AND e.reason = c.reason))) AS wanted
        FROM caps k JOIN farm.cases c ON c.bench_id = k.bench_id AND c.reason = 'cap: ' || k.resource || ' per bench'
        UNION ALL
        SELECT k.*, c.state, (
            SELECT sum(e.worst_micro_usd) FROM farm.executions e
            WHERE e.case_id = c.case_id AND e.arm_id IS NOT NULL AND e.state = 'pending')
        FROM caps k JOIN farm.benches b ON b.state = 'open' JOIN farm.cases c ON c.bench_id = b.bench_id
        WHERE k.day = farm.today() AND k.reserved = 0 AND c.state = 'pending' AND c.reason = 'waits: dollars per day'
    ), levels AS (
        SELECT k.*, k.used >= k.most OR EXISTS (
            SELECT FROM asked a WHERE a.cap_id = k.cap_id AND a.resource = k.resource
              AND a.wanted <= a.most AND a.used + a.wanted > a.most) AS is_reached
        FROM caps k
    ), x AS (
        SELECT CASE WHEN is_reached THEN 'reached' ELSE 'warning' END AS level, cap_id, bench_id, day, resource, used,
               most, concat_ws(':', 'cap_reached', cap_id, resource, most) AS reached_key,
               concat_ws(':', CASE WHEN is_reached THEN 'cap_reached' ELSE 'cap_warning' END, cap_id, resource,
                         most) AS key
        FROM levels WHERE is_reached OR used * 100 >= most * :percent
    )
    SELECT key, level, bench_id, day, resource, used, most, clock_timestamp() AS at FROM x
    WHERE {_NEW} AND NOT EXISTS (SELECT FROM farm.notices n WHERE n.key = x.reached_key)
    ORDER BY key LIMIT 100""")  # noqa: S608  # no data in it
# Ready work of an open stream since its reservation, or the start of its run where nothing was reserved; and in that
# time no claim of its class, nor the end of one. An episode ends with the next claim.
_STARVING = sa.text(f"""
    WITH waiting AS (
        SELECT e.bench_id, e.queue, count(*) AS waiting,
               min(greatest(coalesce(r.moved_at, (c.planner_input ->> 'created_at')::timestamptz, b.created_at),
                            e.not_before)) AS ready_at
        FROM farm.executions e JOIN farm.benches b USING (bench_id) JOIN farm.cases c USING (case_id)
        LEFT JOIN farm.ledger r
            ON r.execution_id = e.execution_id AND r.attempt = e.attempt + 1 AND r.kind = 'reserve'
        WHERE e.state = 'ready' AND (e.not_before IS NULL OR e.not_before <= now())
          AND b.kind = 'stream' AND b.state = 'open'
        GROUP BY e.bench_id, e.queue
    ), served AS (
        SELECT w.*, t.claimed_at, greatest(w.ready_at, t.claimed_at, t.ended_at) AS since
        FROM waiting w CROSS JOIN LATERAL (
            SELECT max(a.claimed_at) AS claimed_at, max(a.ended_at) AS ended_at
            FROM farm.cases c JOIN farm.executions e USING (case_id) JOIN farm.attempts a USING (execution_id)
            WHERE c.bench_id = w.bench_id AND e.queue = w.queue) t
        WHERE w.ready_at <= now() - make_interval(mins => :minutes)
    ), x AS (
        SELECT concat_ws(':', 'stream_starving', bench_id, queue, coalesce(extract(epoch FROM claimed_at), 0)) AS key,
               bench_id, queue, waiting, since, farm.is_paused(queue) AS is_paused,
               EXISTS (SELECT FROM farm.queues q JOIN farm.machines m ON q.needs <@ m.capabilities
                       WHERE q.queue = served.queue AND NOT m.suspended
                         AND m.seen_at > now() - interval '1 minute') AS has_machine
        FROM served WHERE since <= now() - make_interval(mins => :minutes)
    )
    SELECT key, bench_id, queue, waiting, since, is_paused, has_machine, clock_timestamp() AS at FROM x
    WHERE {_NEW} ORDER BY key LIMIT 100""")  # noqa: S608  # no data in it


class EndedBench(NamedTuple):
    """A bench that was finished or halted."""

    key: str
    bench_id: str
    kind: BenchKind
    what: Literal["finished", "halted"]
    at: datetime
    reason: str | None
    """Why it was halted; None where it was resumed since."""


class SuspendedMachine(NamedTuple):
    """A machine that was suspended."""

    key: str
    machine_id: str
    at: datetime


class CapLevel(NamedTuple):
    """A cap of a bench or a day that is nearly or wholly used up."""

    key: str
    level: Literal["warning", "reached"]
    bench_id: str | None
    day: date | None
    resource: Literal["dollars", "minutes", "executions"]
    used: int
    """Micro-dollars with what was spent beyond reservations, milliseconds, or executions."""
    most: int
    """The cap, in the same unit."""
    at: datetime


class StarvingClass(NamedTuple):
    """Ready work of a stream that nothing has claimed for long, of one capability class."""

    key: str
    bench_id: str
    queue: str
    waiting: int
    since: datetime
    is_paused: bool
    """Whether the class waits for its provider."""
    has_machine: bool
    """Whether a machine that is present could run it."""
    at: datetime


class NoticeEvents:
    """Events since a moment. Each query reads rows alone, so that it gives the same in every process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def ended(self, since: datetime) -> list[EndedBench]:
        """Benches and streams that were finished or halted, at most 100."""
        return read_rows(self._engine, EndedBench, _ENDED, {"since": since})

    def suspended(self, since: datetime) -> list[SuspendedMachine]:
        """Machines that were suspended, at most 100."""
        return read_rows(self._engine, SuspendedMachine, _SUSPENDED, {"since": since})

    def caps(self, since: datetime, percent: int) -> list[CapLevel]:
        """Caps that are used up, or to `percent`: of open benches, of those finished since, and of today."""
        return read_rows(self._engine, CapLevel, _CAPS, {"since": since, "percent": percent})

    def starving(self, minutes: int) -> list[StarvingClass]:
        """Classes of open streams with ready work that nothing has claimed for so many minutes."""
        return read_rows(self._engine, StarvingClass, _STARVING, {"minutes": minutes})
