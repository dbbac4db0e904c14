"""Metrics of a sidecar over real HTTP: what was asked is counted, and promtool finds nothing wrong."""

import http.client
import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from planner.host.config import InferenceConfig, PlannerConfig
from planner.serving.counters import BOUNDS_SECONDS, ServiceCounters
from planner.serving.http_endpoint import HttpEndpoint
from planner.serving.service import Service
from tests.fixtures.planner_examples import planner_input
from tests.fixtures.stand_in_models import SURE, HeadsModel, planner_with

PREDICT = {"planner_input": planner_input(random.Random(4))}


@pytest.fixture
def endpoint() -> Iterator[HttpEndpoint]:
    config = PlannerConfig(inference=InferenceConfig(timeout_ms=20_000))
    opened = HttpEndpoint("127.0.0.1", 0, Service(lambda: planner_with(HeadsModel(SURE), config)))
    opened.begin()
    yield opened
    opened.stop(5)


def asked(
    endpoint: HttpEndpoint, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, str]:
    with closing(http.client.HTTPConnection(str(endpoint).removeprefix("http://"), timeout=30)) as connection:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def rpc(endpoint: HttpEndpoint, method: str, params: Any) -> None:
    assert (
        asked(endpoint, "POST", "/", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})[0]
        == 200
    )


def samples(text: str) -> dict[str, float]:
    return {
        sample.name
        + "".join(f",{name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_decisions_latency_and_errors_are_counted(endpoint: HttpEndpoint) -> None:
    for _ in range(3):
        rpc(endpoint, "predict", PREDICT)
    rpc(endpoint, "predict", {"planner_input": {}})
    rpc(endpoint, "predict", {})
    rpc(endpoint, "nothing", {})
    assert asked(endpoint, "POST", "/", [])[0] == 200
    status, text = asked(endpoint, "GET", "/metrics")
    assert status == 200
    values = samples(text)
    assert (
        values["planner_prediction_seconds_count"] == values["planner_prediction_seconds_bucket,le=+Inf"] == 4
    )
    assert values["planner_prediction_seconds_sum"] > 0
    decided = {name: value for name, value in values.items() if name.startswith("planner_decisions_total")}
    assert sum(decided.values()) == 4
    assert [
        value for name, value in decided.items() if name.startswith("planner_decisions_total,reason=,")
    ] == [3]
    errors = {name[-6:]: value for name, value in values.items() if name.startswith("planner_errors_total")}
    assert errors == {"-32602": 1, "-32601": 1, "-32600": 1}
    assert values["planner_model_loaded"] == 1


def test_what_is_not_metrics_is_refused(endpoint: HttpEndpoint) -> None:
    assert asked(endpoint, "GET", "/")[0] == 404
    assert asked(endpoint, "GET", "/metrics", Host="evil.example")[0] == 403
    assert asked(endpoint, "GET", "/metrics?x=1")[0] == 200


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (apt-get install prometheus)")
def test_promtool_finds_nothing_wrong(endpoint: HttpEndpoint) -> None:
    rpc(endpoint, "predict", PREDICT)
    text = asked(endpoint, "GET", "/metrics")[1]
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reason_has_no_number_of_its_own() -> None:
    counters = ServiceCounters()
    document = {"swarm_id": "serial_handoff", "abstain_to_default": True}
    for confidence in (0.1, 0.2):
        counters.predicted(
            document | {"reason": f"low_confidence_{confidence},capped_max_minutes_from_9"}, 9.0
        )
    counts = counters.read()
    assert counts.decisions == {("serial_handoff", "low_confidence"): 2}
    assert counts.buckets == (*[0] * len(BOUNDS_SECONDS), 2)
