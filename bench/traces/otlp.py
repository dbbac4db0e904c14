"""OTLP over HTTP: spans to an OpenTelemetry collector. It needs the extra `otel`."""

import logging
from collections.abc import Iterable
from importlib.metadata import version
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bench.traces.errors import TraceError
from bench.traces.model import TraceSpan, span_id_of, trace_id_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_PATH: Final = "/v1/traces"
_BATCH: Final = 500
_TIMEOUT_SECONDS: Final = 10.0
_LOGGER: Final = "opentelemetry.exporter.otlp"
_CLIENT: Final = frozenset({"chat"})


class SpanSender:
    """Sends spans to a collector. Without an address the standard variables decide (`OTEL_EXPORTER_OTLP_ENDPOINT`),
    and without them http://localhost:4318. `OTEL_EXPORTER_OTLP_HEADERS` is obeyed in both cases."""

    def __init__(self, address: str | None = None, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        """Raises `TraceError` for no address of HTTP, or without the extra."""
        endpoint = None if address is None else _endpoint(address)
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ImportError:
            raise TraceError(
                "opentelemetry is not installed; traces need: pip install 'bench-farm[farm,otel]'"
            ) from None
        self._exporter = OTLPSpanExporter(endpoint=endpoint, timeout=timeout_seconds)
        self.endpoint: str = self._exporter._endpoint
        self._resource = _resource()

    def send(self, spans: Iterable[TraceSpan]) -> int:
        """Send spans, in requests of 500. Returns how many; raises `TraceError` where the collector takes one of the
        requests not, after some retries. A repetition sends the same ids."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        sent, remaining = 0, iter(spans)
        while batch := [self._readable(each) for each in islice(remaining, _BATCH)]:
            with _LastError() as last:
                result = self._exporter.export(batch)
            if result is not SpanExportResult.SUCCESS:
                raise TraceError(
                    f"{self.endpoint} took no spans ({last.line or 'no reason given'}); is a collector with OTLP over"
                    " HTTP there?"
                )
            sent += len(batch)
        return sent

    def close(self) -> None:
        """Close the connections."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _readable(self, span: TraceSpan) -> "ReadableSpan":
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import Link, SpanKind, Status, StatusCode

        attributes: dict[str, Any] = dict(span.attributes)
        return ReadableSpan(
            span.name,
            context=_context(span.trace, span.key),
            parent=None if span.parent is None else _context(span.trace, span.parent),
            resource=self._resource,
            attributes=attributes,
            links=[] if span.link is None else [Link(_context(*span.link))],
            kind=SpanKind.CLIENT if attributes.get("gen_ai.operation.name") in _CLIENT else SpanKind.INTERNAL,
            status=Status(StatusCode.UNSET) if span.error is None else Status(StatusCode.ERROR, span.error),
            start_time=round(span.begin_ms * 1e6),
            end_time=round(max(span.begin_ms, span.end_ms) * 1e6),
            instrumentation_scope=InstrumentationScope("bench.traces", version("bench-farm")),
        )


def _endpoint(address: str) -> str:
    """The address of the traces below that of a collector."""
    try:
        parts = urlsplit(address)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise TraceError(
            f"{address!r:.100} is no address of a collector; give one such as http://127.0.0.1:4318"
        )
    return address if parts.path.endswith(_PATH) else address.rstrip("/") + _PATH


def _context(trace: str, key: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(trace_id_of(trace), span_id_of(trace, key), False, TraceFlags(TraceFlags.SAMPLED))


def _resource() -> Any:
    """The service is `bench-farm`; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` change that."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    given = Resource({"service.name": "bench-farm", "service.version": version("bench-farm")})
    return given.merge(OTELResourceDetector().detect())


class _LastError(logging.Handler):
    """Keeps the last line that the exporter logs, instead of showing it: it returns no reason."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.line = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.line = record.getMessage().strip().splitlines()[0][:300] if record.getMessage().strip() else ""

    def __enter__(self) -> "_LastError":
        logger = logging.getLogger(_LOGGER)
        logger.addHandler(self)
        self._propagated, logger.propagate = logger.propagate, False
        return self

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger(_LOGGER)
        logger.removeHandler(self)
        logger.propagate = self._propagated
