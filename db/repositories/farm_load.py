"""Load of the farm: executions by capability class, and the spend of today and of open benches against their caps."""

from datetime import date
from typing import NamedTuple

import sqlalchemy as sa

from db.rows import read_one, read_rows
from db.states import BenchKind, BenchState

_CLASSES = sa.text("""
    SELECT queue, count(*) FILTER (WHERE state = 'pending') AS pending,
           count(*) FILTER (WHERE state = 'ready') AS ready, count(*) FILTER (WHERE state = 'running') AS running
    FROM farm.executions WHERE state IN ('pending', 'ready', 'running') GROUP BY queue ORDER BY queue""")
# The row of a day appears with its first reservation; until then the limit is the farm's setting.
_TODAY = sa.text("""
    SELECT farm.today() AS day, coalesce(k.usd_spent, 0) AS spent_micro_usd,
           coalesce(k.usd_reserved, 0) AS reserved_micro_usd,
           CASE WHEN k.cap_id IS NULL
                THEN (SELECT (value #>> '{}')::bigint FROM farm.settings WHERE key = 'daily_micro_usd')
                ELSE k.usd_limit END AS limit_micro_usd
    FROM (SELECT 1) one LEFT JOIN farm.caps k ON k.day = farm.today()""")
_OPEN = sa.text("""
    SELECT b.bench_id, b.kind, b.state, b.halt_reason, b.slice, k.usd_spent AS spent_micro_usd,
           k.usd_reserved AS reserved_micro_usd, k.usd_limit AS limit_micro_usd,
           (SELECT count(*) FROM farm.executions e WHERE e.bench_id = b.bench_id AND e.state = 'running') AS running,
           (SELECT count(*) FROM farm.executions e
            WHERE e.bench_id = b.bench_id AND e.state IN ('pending', 'ready')) AS waiting
    FROM farm.benches b JOIN farm.caps k USING (bench_id)
    WHERE b.state IN ('open', 'halted') ORDER BY b.bench_no DESC LIMIT 50""")


class ClassLoad(NamedTuple):
    """Executions of one capability class that are not over."""

    queue: str
    pending: int
    """Those that wait for admission."""
    ready: int
    running: int


class DaySpend(NamedTuple):
    """The spend of today (UTC) over all benches. A limit of None is no cap."""

    day: date
    spent_micro_usd: int
    reserved_micro_usd: int
    limit_micro_usd: int | None


class BenchSpend(NamedTuple):
    """A bench or stream that is not over, with its spend. A limit of None is no cap."""

    bench_id: str
    kind: BenchKind
    state: BenchState
    halt_reason: str | None
    slice: str
    spent_micro_usd: int
    reserved_micro_usd: int
    limit_micro_usd: int | None
    running: int
    waiting: int
    """Executions that wait for admission or for a machine."""


def class_loads(engine: sa.Engine) -> list[ClassLoad]:
    """The classes that have executions which are not over, by name."""
    return read_rows(engine, ClassLoad, _CLASSES)


def spend_today(engine: sa.Engine) -> DaySpend:
    """Today's spend against the daily cap."""
    return read_one(engine, DaySpend, _TODAY)


def open_benches(engine: sa.Engine) -> list[BenchSpend]:
    """The newest benches and streams that are not over, 50 at most."""
    return read_rows(engine, BenchSpend, _OPEN)
