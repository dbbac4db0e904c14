"""Metrics of a sidecar in the text format of Prometheus; needs prometheus_client, which comes with the extra `farm`."""

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from planner.errors import PlannerError
from planner.serving.counters import BOUNDS_SECONDS
from planner.serving.service import Service

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def exposition(service: Service) -> bytes:
    """All metrics of one scrape. Raises `PlannerError` where prometheus_client is not installed."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.registry import Collector
    except ImportError:
        raise PlannerError(
            "prometheus_client is not installed; metrics need: pip install 'bench-farm[farm]'"
        ) from None

    class SidecarCollector(Collector):
        """Reads the service's counters."""

        def collect(self) -> "Iterator[Metric]":
            return _metrics(service)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(SidecarCollector())
    return generate_latest(registry)


def _metrics(service: Service) -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    counts, health = service.counters.read(), service.health()
    latency = HistogramMetricFamily(
        "planner_prediction_seconds", "Latency of predictions, without their transport."
    )
    names = [*map(str, BOUNDS_SECONDS), "+Inf"]
    latency.add_metric([], list(zip(names, accumulate(counts.buckets), strict=True)), counts.seconds)
    yield latency
    decisions = CounterMetricFamily(
        "planner_decisions",
        "Decisions by topology; reason: why the planner abstained, empty where it decided.",
        labels=["swarm", "reason"],
    )
    for (swarm, reason), count in sorted(counts.decisions.items()):
        decisions.add_metric([swarm, reason], count)
    yield decisions
    errors = CounterMetricFamily("planner_errors", "Error responses by code of JSON-RPC.", labels=["code"])
    for code, count in sorted(counts.errors.items()):
        errors.add_metric([str(code)], count)
    yield errors
    yield CounterMetricFamily("planner_reloads", "Bundles that replaced another.", value=health["reloads"])
    yield GaugeMetricFamily(
        "planner_model_loaded",
        "1 where a model decides; 0 where the baseline does.",
        float(health["status"] == "ok"),
    )
    model = GaugeMetricFamily("planner_model_info", "The bundle that decides.", labels=["checkpoint"])
    if health["model"] is not None:
        model.add_metric([str(health["model"].get("checkpoint_id", ""))], 1)
    yield model
    yield GaugeMetricFamily("planner_uptime_seconds", "Since the start.", health["uptime_seconds"])
