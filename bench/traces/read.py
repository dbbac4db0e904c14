"""Spans of executions, read from the database."""

from collections.abc import Iterator
from datetime import UTC, datetime

import sqlalchemy as sa

from bench.errors import FailureError
from bench.inspection.execution import ExecutionRecord, read_execution
from bench.traces.model import TraceSpan
from bench.traces.spans import Conversations, execution_spans, submission_span
from db.repositories.benches import Benches
from db.repositories.trace_rows import executions_of
from workers.conversation.store import unpacked

_BATCH = 200


def spans_of_execution(engine: sa.Engine, execution_id: int) -> Iterator[TraceSpan]:
    """The spans of one execution. Raises `BenchError` where there is none of this id."""
    record = read_execution(engine, execution_id, None)
    bench = Benches(engine).get(record.facts.bench_id)
    return execution_spans(record, bench, _conversations(record), datetime.now(UTC))


def spans_of_bench(engine: sa.Engine, bench_id: str) -> Iterator[TraceSpan]:
    """The span of a bench's submission, then those of each claimed execution. Raises `DbError` for an unknown bench."""
    yield submission_span(Benches(engine).get(bench_id), datetime.now(UTC))
    after = 0
    while batch := executions_of(engine, bench_id, after, _BATCH):
        for execution_id in batch:
            yield from spans_of_execution(engine, execution_id)
        after = batch[-1]


def _conversations(record: ExecutionRecord) -> Conversations:
    """Those that are stored and can be read: a trace without one has no model calls."""
    read: Conversations = {}
    for each in record.candidates:
        file = record.files.conversation(each.attempt, each.candidate)
        if file is not None:
            try:
                read[each.attempt, each.candidate] = unpacked(record.files.read(file))
            except (FailureError, OSError, ValueError, EOFError):
                continue
    return read
