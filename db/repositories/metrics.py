"""Numbers of a farm for metrics: each is one short query, bounded by what is open, present or of the last hour."""

from typing import NamedTuple

import sqlalchemy as sa

from db.rows import read_one, read_rows

_MACHINES = sa.text("""
    SELECT count(*) FILTER (WHERE present AND NOT suspended) AS present,
           count(*) FILTER (WHERE suspended) AS suspended,
           count(*) FILTER (WHERE NOT present AND NOT suspended) AS absent,
           coalesce(sum(concurrency) FILTER (WHERE present AND NOT suspended), 0)::bigint AS slots
    FROM (SELECT suspended, concurrency, seen_at > clock_timestamp() - interval '1 minute' AS present
          FROM farm.machines) m""")
_QUEUES = sa.text("""
    SELECT q.queue, count(e.execution_id) FILTER (WHERE e.state = 'ready') AS ready,
           count(e.execution_id) FILTER (WHERE e.state = 'running') AS running
    FROM farm.queues q
    LEFT JOIN farm.executions e ON e.queue = q.queue AND e.state IN ('ready', 'running')
    GROUP BY q.queue ORDER BY q.queue LIMIT :limit""")
_BENCHES = sa.text(
    "SELECT kind, state, count(*) AS benches FROM farm.benches GROUP BY kind, state ORDER BY 1, 2"
)
_OUTCOMES = sa.text("""
    SELECT status, coalesce(error_class, '') AS error_class, count(*) AS outcomes,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS p50_ms,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ms) AS p99_ms
    FROM farm.outcomes WHERE recorded_at > now() - interval '1 hour' GROUP BY 1, 2 ORDER BY 1, 2""")
_CLAIMS = sa.text("""
    SELECT ending, count(*) AS attempts FROM farm.attempts
    WHERE claimed_at > now() - interval '1 hour' GROUP BY ending ORDER BY ending""")

# An execution is ready from its reservation on. The newest claims are enough for quantiles.
_LATENCIES = sa.text("""
    SELECT e.queue, percentile_cont(0.5) WITHIN GROUP (ORDER BY waited) AS p50_seconds,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY waited) AS p99_seconds
    FROM (SELECT execution_id, claimed_at FROM farm.attempts WHERE claimed_at > now() - interval '1 hour'
          ORDER BY claimed_at DESC LIMIT 5000) a
    JOIN farm.executions e USING (execution_id)
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM a.claimed_at - max(l.moved_at))::double precision AS waited FROM farm.ledger l
        WHERE l.execution_id = a.execution_id AND l.kind = 'reserve' AND l.moved_at <= a.claimed_at) w
    WHERE waited IS NOT NULL GROUP BY e.queue ORDER BY e.queue LIMIT :limit""")


class MachineCounts(NamedTuple):
    """Machines by presence, and the slots of those that can work."""

    present: int
    suspended: int
    absent: int
    slots: int


class QueueCounts(NamedTuple):
    """The work of one capability class; zeros where it has none."""

    queue: str
    ready: int
    running: int


class BenchCounts(NamedTuple):
    """Benches and streams by state."""

    kind: str
    state: str
    benches: int


class RecentOutcomes(NamedTuple):
    """Outcomes of the last hour of one status and error class, with quantiles of their durations in ms."""

    status: str
    error_class: str
    outcomes: int
    p50_ms: float
    p99_ms: float


class RecentClaims(NamedTuple):
    """Attempts claimed within the last hour, by how they ended so far."""

    ending: str
    attempts: int


class ClaimLatency(NamedTuple):
    """How long ready executions of one capability class waited for a machine."""

    queue: str
    p50_seconds: float
    p99_seconds: float


class FarmMetrics:
    """Reads numbers of a farm, with the rights of a reader."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def machines(self) -> MachineCounts:
        """The machines, counted."""
        return read_one(self._engine, MachineCounts, _MACHINES)

    def queues(self, limit: int = 200) -> list[QueueCounts]:
        """Every known capability class, also without work."""
        return read_rows(self._engine, QueueCounts, _QUEUES, {"limit": limit})

    def benches(self) -> list[BenchCounts]:
        """Benches and streams, counted by state."""
        return read_rows(self._engine, BenchCounts, _BENCHES)

    def outcomes(self) -> list[RecentOutcomes]:
        """Outcomes of the last hour."""
        return read_rows(self._engine, RecentOutcomes, _OUTCOMES)

    def claims(self) -> list[RecentClaims]:
        """Claims of the last hour."""
        return read_rows(self._engine, RecentClaims, _CLAIMS)

    def claim_latencies(self, limit: int = 200) -> list[ClaimLatency]:
        """Of the newest 5,000 claims of the last hour, by class."""
        return read_rows(self._engine, ClaimLatency, _LATENCIES, {"limit": limit})
