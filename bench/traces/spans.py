"""Spans of a submission, and of one execution: admission, queue, attempts, rounds, model and tool calls, gates."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from bench.inspection.execution import ExecutionRecord
from bench.inspection.reported import ReportedRound, gates_of, rounds_of
from bench.inspection.time_spans import TimeSpan, time_spans
from bench.traces.model import AttributeValue, TraceSpan
from bench.traces.steps import step_spans
from db.repositories.bench_rows import BenchRow

Json = dict[str, Any]
Conversations = dict[tuple[int, int], Json]
"""ATIF trajectories by attempt and candidate."""
SUBMIT: Final = "submit"
_FAILED: Final = frozenset({"failed", "timeout", "error", "lost"})


def bench_trace(bench_id: str) -> str:
    """The name of the trace of a submission."""
    return f"bench {bench_id}"


def execution_trace(bench_id: str, execution_id: int) -> str:
    """The name of the trace of an execution."""
    return f"execution {bench_id}/{execution_id}"


def submission_span(bench: BenchRow, now: datetime) -> TraceSpan:
    """The root of a bench's own trace: from its submission to its end. The executions link to it."""
    attributes: dict[str, AttributeValue | None] = {
        "bench.id": bench.bench_id,
        "bench.kind": bench.kind,
        "bench.slice": bench.slice,
        "bench.strategy": bench.strategy,
        "bench.k": bench.k,
        "bench.seed": bench.seed,
        "bench.state": bench.state,
        "bench.spent_usd": bench.usd_spent / 1e6,
    }
    error = bench.halt_reason if bench.state == "halted" else None
    return TraceSpan(
        bench_trace(bench.bench_id), SUBMIT, None, SUBMIT, _ms(bench.created_at),
        _ms(bench.finished_at or now), _known(attributes), error,
    )  # fmt: skip


def execution_spans(
    record: ExecutionRecord, bench: BenchRow, conversations: Conversations, now: datetime
) -> Iterator[TraceSpan]:
    """The spans of one execution, its root first. `now` ends what still runs."""
    facts = record.facts
    trace = execution_trace(facts.bench_id, facts.execution_id)
    spans = list(time_spans(record, now))
    reserved = [move.moved_at for move in record.ledger if move.kind == "reserve"]
    # Runs of a stream are decided long after it began, and when is not recorded.
    asked = [] if facts.kind == "stream" else [bench.created_at]
    marks = [*map(_ms, asked + reserved), *(span.begin for span in spans)]
    if not marks:
        return
    ended = facts.recorded_at or facts.finished_at or now
    end = max(_ms(ended), *(span.end for span in spans), *marks)
    yield TraceSpan(
        trace, "execution", None, "execution", min(marks), end, _execution_attributes(record),
        _why_failed(record), (bench_trace(facts.bench_id), SUBMIT),
    )  # fmt: skip
    if asked and reserved:
        yield TraceSpan(trace, "admission", "execution", "admission", _ms(asked[0]), _ms(min(reserved)))
    yield from _queue_spans(trace, list(map(_ms, reserved)), spans)
    for span in spans:
        yield _span_of(trace, record, span)
        if span.kind == "candidate" and span.candidate is not None:
            conversation = conversations.get((span.attempt, span.candidate))
            yield from step_spans(trace, spans, span, conversation or {})


def key_of(span: TimeSpan) -> str:
    """The key of a time span in its trace."""
    if span.candidate is None:
        return f"attempt {span.attempt}"
    candidate = f"candidate {span.attempt}.{span.candidate}"
    return candidate if span.kind == "candidate" else f"{candidate} {span.kind} {span.number}"


def _queue_spans(trace: str, reserved: list[float], spans: list[TimeSpan]) -> Iterator[TraceSpan]:
    """From each reservation to the claim that followed it."""
    attempts = [span for span in spans if span.kind == "attempt"]
    for number, attempt in enumerate(attempts):
        after = attempts[number - 1].begin if number else float("-inf")
        begin = max((at for at in reserved if after < at <= attempt.begin), default=None)
        if begin is not None:
            key = f"queue {attempt.attempt}"
            yield TraceSpan(trace, key, "execution", "queue", begin, attempt.begin)


def _span_of(trace: str, record: ExecutionRecord, span: TimeSpan) -> TraceSpan:
    parent = "execution"
    if span.kind == "candidate":
        parent = f"attempt {span.attempt}"
    elif span.candidate is not None:
        parent = f"candidate {span.attempt}.{span.candidate}"
    error = span.outcome if span.outcome in _FAILED else None
    return TraceSpan(
        trace, key_of(span), parent, span.kind, span.begin, span.end, _attributes(record, span), error
    )


def _attributes(record: ExecutionRecord, span: TimeSpan) -> dict[str, AttributeValue]:
    values: dict[str, AttributeValue | None] = {"bench.outcome": span.outcome or None}
    if span.candidate is None:
        values["bench.attempt"] = span.attempt
        values["host.name"] = next(
            each.machine_id for each in record.attempts if each.attempt == span.attempt
        )
        return _known(values)
    facts = next(
        each for each in record.candidates if (each.attempt, each.candidate) == (span.attempt, span.candidate)
    )
    if span.kind == "candidate":
        values |= {
            "bench.workcell": facts.workcell_id,
            "bench.error_class": facts.error_class,
            "bench.cost_usd": _usd(facts.micro_usd),
        }
    elif span.kind == "round":
        values |= _round_attributes(rounds_of(facts.document)[span.number])
    elif span.kind == "gate":
        gate = gates_of(facts.document)[span.number]
        values |= {
            "bench.gate": gate.name,
            "bench.gate.score": gate.score,
            "bench.gate.exit_code": gate.exit_code,
            "bench.gate.fail_codes": ", ".join(gate.codes) or None,
        }
    return _known(values)


def _round_attributes(played: ReportedRound) -> dict[str, AttributeValue | None]:
    """In the words of OpenTelemetry's conventions for generative AI, where they have one."""
    return {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": played.toolchain or None,
        "gen_ai.usage.input_tokens": played.tokens_in,
        "gen_ai.usage.output_tokens": played.tokens_out,
        "bench.model_calls": played.model_calls,
        "bench.cost_usd": _usd(played.micro_usd),
    }


def _execution_attributes(record: ExecutionRecord) -> dict[str, AttributeValue]:
    facts = record.facts
    return _known(
        {
            "bench.id": facts.bench_id,
            "bench.execution_id": facts.execution_id,
            "bench.case_id": facts.case_id,
            "bench.issue_id": facts.issue_id,
            "bench.action": record.action,
            "bench.queue": facts.queue,
            "bench.replicate": facts.replicate,
            "bench.propensity": facts.propensity,
            "bench.state": facts.state,
            "bench.status": facts.status,
            "bench.error_class": facts.error_class,
            "bench.is_winning_arm": facts.is_winning_arm,
            "bench.cost_usd": _usd(facts.micro_usd),
            "bench.charged_usd": _usd(facts.charged_micro_usd),
        }
    )


def _why_failed(record: ExecutionRecord) -> str | None:
    facts = record.facts
    if facts.status not in _FAILED:
        return None
    return ": ".join(filter(None, (facts.error_class or facts.status, (facts.message or "").split("\n")[0])))


def _usd(micro_usd: int | None) -> float | None:
    return None if micro_usd is None else micro_usd / 1e6


def _known(values: dict[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in values.items() if value is not None}


def _ms(at: datetime) -> float:
    return at.timestamp() * 1000
