"""Traces of real rows at a collector that records: their parents, times, ids and links, and what is not in them."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from bench.traces.errors import TraceError
from bench.traces.follow import TraceFollower
from bench.traces.otlp import SpanSender
from bench.traces.read import spans_of_bench
from tests.fixtures.lease_scenarios import complete
from tests.fixtures.receiver import Receiver, receiver
from tests.fixtures.rows import claim, make_bench, running_bench
from tests.security.hostile_rows import store_hostile_artifacts


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiver() as state:
        yield state


@pytest.fixture
def sender(collector: Receiver) -> Iterator[SpanSender]:
    opened = SpanSender(collector.url.removesuffix("/hook"), timeout_seconds=1)
    yield opened
    opened.close()


def received(collector: Receiver) -> list[Span]:
    spans: list[Span] = []
    for request in collector.requests:
        assert request.path == "/v1/traces"
        body = (
            gzip.decompress(request.body)
            if request.headers.get("content-encoding") == "gzip"
            else request.body
        )
        message = ExportTraceServiceRequest.FromString(body)
        spans += [span for of in message.resource_spans for scope in of.scope_spans for span in scope.spans]
    return spans


def finished(engine: sa.Engine) -> str:
    """A bench with an execution that passed after two gates, and one that failed."""
    bench, lease = running_bench(engine, cases=2)
    candidate = {
        "index": 0,
        "workcell_id": "x1-a1-c0",
        "status": "success",
        "duration_ms": 400,
        "started_at": datetime.now(UTC).timestamp(),
        "cost_source": "reported",
        "micro_usd": 40,
        "rounds": [
            {"toolchain": "claude", "status": "success", "duration_ms": 200, "tokens_in": 9, "usd_priced": 5}
        ],
        "gates": [{"name": "test", "passed": True, "duration_ms": 60}, {"name": "lint", "passed": False}],
    }
    complete(engine, lease, candidates=[candidate], chosen=0)
    complete(engine, claim(engine), status="failed", message="two tests fail\nmore")
    return bench


def test_each_execution_is_one_trace_with_its_parts(
    engine: sa.Engine, collector: Receiver, sender: SpanSender
) -> None:
    bench = finished(engine)
    assert sender.send(spans_of_bench(engine, bench)) == len(received(collector))
    spans = received(collector)
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    assert len(by_id) == len(spans)
    roots = [span for span in spans if not span.parent_span_id]
    assert sorted(span.name for span in roots) == ["execution", "execution", "submit"]
    for span in spans:
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        if span.parent_span_id:
            parent = by_id[span.trace_id, span.parent_span_id]
            assert parent.start_time_unix_nano <= span.start_time_unix_nano
            assert span.end_time_unix_nano <= parent.end_time_unix_nano
    (submit,) = (span for span in roots if span.name == "submit")
    executions = [span for span in roots if span.name == "execution"]
    assert {(link.trace_id, link.span_id) for span in executions for link in span.links} == {
        (submit.trace_id, submit.span_id)
    }
    names = {span.name for span in spans}
    assert {"admission", "queue", "attempt", "candidate", "round", "gate"} <= names
    failed = [span for span in executions if span.status.code == Status.STATUS_CODE_ERROR]
    assert [span.status.message for span in failed] == ["failed: two tests fail"]
    lint = next(span for span in spans if any(a.value.string_value == "lint" for a in span.attributes))
    assert lint.status.code == Status.STATUS_CODE_ERROR


def test_the_same_bench_sent_again_has_the_same_ids(
    engine: sa.Engine, collector: Receiver, sender: SpanSender
) -> None:
    bench = finished(engine)
    count = sender.send(spans_of_bench(engine, bench))
    sender.send(spans_of_bench(engine, bench))
    ids = [(span.trace_id, span.span_id) for span in received(collector)]
    assert ids[:count] == ids[count:]


def test_what_was_said_is_in_no_trace(engine: sa.Engine, collector: Receiver, sender: SpanSender) -> None:
    bench = finished(engine)
    said = "a word of the conversation"
    step = {
        "source": "agent",
        "timestamp": datetime.now(UTC).isoformat(),
        "message": said,
        "reasoning_content": said,
        "tool_calls": [{"function_name": "bash", "arguments": {"command": said}}],
        "observation": {"results": [{"content": said}]},
    }
    store_hostile_artifacts(engine, bench, gzip.compress(json.dumps({"steps": [step, 7, None]}).encode()))
    sender.send(spans_of_bench(engine, bench))
    spans = received(collector)
    assert "execute_tool bash" in {span.name for span in spans}
    assert all(said.encode() not in span.SerializeToString() for span in spans)


def test_a_collector_that_takes_nothing_is_one_line(
    engine: sa.Engine, collector: Receiver, sender: SpanSender, caplog: pytest.LogCaptureFixture
) -> None:
    bench = finished(engine)
    collector.answer(400, b"no")
    with pytest.raises(TraceError, match=r"/v1/traces took no spans \(.*400.*\); is a collector") as refused:
        sender.send(spans_of_bench(engine, bench))
    assert "\n" not in str(refused.value)
    assert not caplog.records
    nobody = SpanSender("http://127.0.0.1:9", timeout_seconds=0.1)
    with pytest.raises(TraceError, match="took no spans"):
        nobody.send(spans_of_bench(engine, bench))


@pytest.mark.parametrize("address", ["collector:4318", "ftp://h", "http://", "http://h:0", "http://h:x", ""])
def test_what_is_no_address_of_a_collector_is_refused(address: str) -> None:
    with pytest.raises(TraceError, match="give one such as"):
        SpanSender(address)


def test_a_coordinator_sends_each_execution_once_and_catches_up(
    engine: sa.Engine, collector: Receiver, sender: SpanSender
) -> None:
    follower = TraceFollower(engine, sender, datetime.now(UTC))
    assert follower.run() == 0
    finished(engine)
    collector.answer(400, b"no")
    with pytest.raises(TraceError):
        follower.run()
    collector.requests.clear()
    assert follower.run() == 2
    assert follower.run() == 0
    make_bench(engine)
    assert follower.run() == 0
    assert len([span for span in received(collector) if span.name == "execution"]) == 2
