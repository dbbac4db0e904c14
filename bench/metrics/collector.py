"""Prometheus collector of a farm: a scrape runs short queries, and nothing is kept between two scrapes.

All values are gauges. What has a history covers the last hour: counting everything that ever ran would cost more with
each bench.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Final

import sqlalchemy as sa
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from db.repositories.circuits import Circuits
from db.repositories.metrics import FarmMetrics
from db.repositories.page_rows import PageRows
from db.repositories.streams import Streams
from db.repositories.unserved import unserved_classes

log = logging.getLogger(__name__)

_MICRO: Final = 1_000_000
_MS: Final = 1000


class FarmCollector(Collector):
    """Collects from one database. A database that does not answer is `bench_up 0` without other metrics."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def describe(self) -> list[Metric]:
        """Nothing: registration queries no database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics of one scrape."""
        metrics: list[Metric] = []
        try:
            for family in _FAMILIES:
                metrics += family(self._engine)
        except SQLAlchemyError as error:
            log.warning("no metrics: %s", str(error).splitlines()[0])
            yield GaugeMetricFamily("bench_up", "Whether the database of the farm answered.", 0)
            return
        yield GaugeMetricFamily("bench_up", "Whether the database of the farm answered.", 1)
        yield from metrics


def _machines(engine: sa.Engine) -> Iterator[Metric]:
    counts = FarmMetrics(engine).machines()
    machines = GaugeMetricFamily("bench_machines", "Machines by state.", labels=["state"])
    for state in ("present", "suspended", "absent"):
        machines.add_metric([state], getattr(counts, state))
    yield machines
    yield GaugeMetricFamily(
        "bench_slots", "Slots of machines that are present and not suspended.", counts.slots
    )


def _queues(engine: sa.Engine) -> Iterator[Metric]:
    ready = GaugeMetricFamily(
        "bench_ready_executions", "Executions that a machine can claim.", labels=["queue"]
    )
    running = GaugeMetricFamily("bench_running_executions", "Executions that run.", labels=["queue"])
    for row in FarmMetrics(engine).queues():
        ready.add_metric([row.queue], row.ready)
        running.add_metric([row.queue], row.running)
    yield ready
    yield running


def _benches(engine: sa.Engine) -> Iterator[Metric]:
    benches = GaugeMetricFamily("bench_benches", "Benches and streams by state.", labels=["kind", "state"])
    for row in FarmMetrics(engine).benches():
        benches.add_metric([row.kind, row.state], row.benches)
    yield benches


def _caps(engine: sa.Engine) -> Iterator[Metric]:
    labels = ["scope", "bench"]
    limit = GaugeMetricFamily("bench_cap_limit_dollars", "Caps of today and of open benches.", labels=labels)
    spent = GaugeMetricFamily("bench_cap_spent_dollars", "Spent of each cap.", labels=labels)
    reserved = GaugeMetricFamily("bench_cap_reserved_dollars", "Reserved of each cap.", labels=labels)
    for cap in PageRows(engine).caps():
        names = [cap.scope, cap.bench_id or ""]
        if cap.limit_micro_usd is not None:
            limit.add_metric(names, cap.limit_micro_usd / _MICRO)
        spent.add_metric(names, cap.spent_micro_usd / _MICRO)
        reserved.add_metric(names, cap.reserved_micro_usd / _MICRO)
    yield from (limit, spent, reserved)


def _outcomes(engine: sa.Engine) -> Iterator[Metric]:
    counts = GaugeMetricFamily(
        "bench_outcomes_last_hour", "Outcomes of the last hour.", labels=["status", "error_class"]
    )
    seconds = GaugeMetricFamily(
        "bench_execution_seconds_last_hour",
        "Quantiles of the durations of the last hour's outcomes.",
        labels=["status", "error_class", "percentile"],
    )
    for row in FarmMetrics(engine).outcomes():
        names = [row.status, row.error_class]
        counts.add_metric(names, row.outcomes)
        seconds.add_metric([*names, "50"], row.p50_ms / _MS)
        seconds.add_metric([*names, "99"], row.p99_ms / _MS)
    yield from (counts, seconds)


def _claims(engine: sa.Engine) -> Iterator[Metric]:
    claims = GaugeMetricFamily(
        "bench_attempts_last_hour", "Attempts claimed in the last hour, by how they ended.", labels=["ending"]
    )
    for row in FarmMetrics(engine).claims():
        claims.add_metric([row.ending], row.attempts)
    yield claims
    waited = GaugeMetricFamily(
        "bench_claim_latency_seconds_last_hour",
        "Quantiles of the time from ready to claimed, of the newest 5,000 claims of the last hour.",
        labels=["queue", "percentile"],
    )
    for latency in FarmMetrics(engine).claim_latencies():
        waited.add_metric([latency.queue, "50"], latency.p50_seconds)
        waited.add_metric([latency.queue, "99"], latency.p99_seconds)
    yield waited


def _waits(engine: sa.Engine) -> Iterator[Metric]:
    paused = GaugeMetricFamily(
        "bench_paused_executions", "Executions that wait for a failing provider.", labels=["queue"]
    )
    for each in Circuits(engine).paused():
        paused.add_metric([each.queue], each.waiting)
    unserved = GaugeMetricFamily(
        "bench_unserved_executions", "Executions that no present machine can run.", labels=["queue"]
    )
    waiting: dict[str, int] = {}
    for row in unserved_classes(engine):
        waiting[row.queue] = waiting.get(row.queue, 0) + row.executions_waiting
    for queue, count in waiting.items():
        unserved.add_metric([queue], count)
    yield from (paused, unserved)


def _decisions(engine: sa.Engine) -> Iterator[Metric]:
    decisions = GaugeMetricFamily(
        "bench_stream_decisions", "Decisions of the newest stream; reason: why the planner abstained.",
        labels=["mode", "reason"],
    )  # fmt: skip
    streams = Streams(engine)
    newest = streams.newest()
    counts: dict[tuple[str, str], int] = {}
    for row in streams.decisions(newest) if newest else []:
        # The confidence is a part of the reason, and would give each decision a series of its own.
        reason = row.reason.split(",")[0]
        key = (row.mode or "", "low_confidence" if reason.startswith("low_confidence") else reason)
        counts[key] = counts.get(key, 0) + row.n
    for names, count in counts.items():
        decisions.add_metric(list(names), count)
    yield decisions


_FAMILIES: Final[tuple[Callable[[sa.Engine], Iterator[Metric]], ...]] = (
    *(_machines, _queues, _benches, _caps, _outcomes, _claims, _waits, _decisions),
)
