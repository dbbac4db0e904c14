"""Spans of the model calls of a conversation, and of the tools that the answers called."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from bench.inspection.conversation_show import steps_of
from bench.inspection.time_spans import TimeSpan
from bench.traces.model import AttributeValue, TraceSpan
from workers.untrusted import count, mapping, sequence

Json = dict[str, Any]
_MOST_STEPS: Final = 5_000
_MOST_NAME: Final = 100


class _TimedStep(NamedTuple):
    number: int
    agent: str
    begin: float
    """Of its model call, in ms since 1970."""
    end: float
    step: Json


def step_spans(
    trace: str, spans: Sequence[TimeSpan], candidate: TimeSpan, conversation: Json
) -> Iterator[TraceSpan]:
    """The spans of one candidate's conversation, kept inside the candidate, each below the round that it began in.

    A tool call spans from the end of the model call that asked for it to the beginning of the agent's next one: what
    the worker's gateway sees of it.
    """
    rounds = [each for each in spans if each.kind == "round" and _is_of(each, candidate)]
    whole = f"candidate {candidate.attempt}.{candidate.candidate}"
    steps = list(_timed_steps(conversation, candidate))
    for index, step in enumerate(steps):
        parent = next(
            (f"{whole} round {each.number}" for each in rounds if each.begin <= step.begin < each.end), whole
        )
        key = f"{whole} step {step.number}"
        yield TraceSpan(
            trace, key, parent, _call_name(step), step.begin, step.end, _call_attributes(step)
        )  # fmt: skip
        following = (each.begin for each in steps[index + 1 :] if each.agent == step.agent)
        until = max(step.end, next(following, step.end))
        for number, call in enumerate(map(mapping, sequence(step.step.get("tool_calls")))):
            name = str(call.get("function_name") or "tool")[:_MOST_NAME]
            attributes: dict[str, AttributeValue] = {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": name,
            }
            yield TraceSpan(
                trace, f"{key} tool {number}", parent, f"execute_tool {name}", step.end, until, attributes
            )


def _is_of(span: TimeSpan, candidate: TimeSpan) -> bool:
    return (span.attempt, span.candidate) == (candidate.attempt, candidate.candidate)


def _timed_steps(conversation: Json, whole: TimeSpan) -> Iterator[_TimedStep]:
    """The model calls whose time was recorded, the first one first."""
    timed = []
    for number, (agent, step) in enumerate(steps_of(conversation)):
        begin = _ms(step.get("timestamp"))
        if number >= _MOST_STEPS:
            break
        if step.get("source") != "agent" or begin is None:
            continue
        begin = min(max(begin, whole.begin), whole.end)
        took = count(mapping(step.get("extra")).get("duration_ms")) or 0
        timed.append(_TimedStep(number, agent, begin, min(begin + took, whole.end), step))
    return iter(sorted(timed, key=lambda each: each.begin))


def _ms(timestamp: Any) -> float | None:
    try:
        return datetime.fromisoformat(timestamp).timestamp() * 1000 if isinstance(timestamp, str) else None
    except (ValueError, OverflowError):
        return None


def _call_name(step: _TimedStep) -> str:
    model = step.step.get("model_name")
    return f"chat {model[:_MOST_NAME]}" if isinstance(model, str) and model else "chat"


def _call_attributes(step: _TimedStep) -> dict[str, AttributeValue]:
    metrics, model = mapping(step.step.get("metrics")), step.step.get("model_name")
    cost = metrics.get("cost_usd")
    values: dict[str, AttributeValue | None] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model if isinstance(model, str) else None,
        "gen_ai.usage.input_tokens": count(metrics.get("prompt_tokens")),
        "gen_ai.usage.output_tokens": count(metrics.get("completion_tokens")),
        "gen_ai.usage.cache_read.input_tokens": count(metrics.get("cached_tokens")),
        "bench.cost_usd": cost if isinstance(cost, int | float) else None,
    }
    return {name: value for name, value in values.items() if value is not None}
