"""Spans of a conversation: each model call, the tools that it asked for until the next one, inside their candidate."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bench.inspection.time_spans import TimeSpan
from bench.traces.model import TraceSpan, span_id_of, trace_id_of
from bench.traces.steps import step_spans

START = datetime(2026, 1, 1, tzinfo=UTC)
ZERO = START.timestamp() * 1000
CANDIDATE = TimeSpan("candidate 0", "candidate", ZERO, ZERO + 60_000, "success", 1, 0)
ROUNDS = [
    TimeSpan(
        f"round {number}", "round", ZERO + number * 30_000, ZERO + (number + 1) * 30_000, "", 1, 0, number
    )
    for number in range(2)
]


def step(second: float, *tools: str, took: int | None = 2000, source: str = "agent") -> dict[str, Any]:
    return {
        "source": source,
        "timestamp": (START + timedelta(seconds=second)).isoformat(),
        "message": "what was said",
        "model_name": "m-1",
        "metrics": {"prompt_tokens": 100, "completion_tokens": 7, "cost_usd": 0.25},
        "tool_calls": [{"function_name": name, "arguments": {"path": "secret.txt"}} for name in tools],
        "extra": {} if took is None else {"duration_ms": took},
    }


def spans_of(*steps: Any, **more: Any) -> list[TraceSpan]:
    return list(step_spans("t", [CANDIDATE, *ROUNDS], CANDIDATE, {"steps": list(steps), **more}))


def seconds(spans: list[TraceSpan]) -> list[tuple[str, float, float]]:
    return [(each.name, (each.begin_ms - ZERO) / 1000, (each.end_ms - ZERO) / 1000) for each in spans]


def test_a_tool_runs_from_the_end_of_its_model_call_to_the_next_one() -> None:
    spans = spans_of(step(0, source="user"), step(1, "read", "grep"), step(8), step(31, "edit"))
    assert seconds(spans) == [
        ("chat m-1", 1, 3),
        ("execute_tool read", 3, 8),
        ("execute_tool grep", 3, 8),
        ("chat m-1", 8, 10),
        ("chat m-1", 31, 33),
        ("execute_tool edit", 33, 33),  # the last one: when it ended was not recorded
    ]
    assert [each.parent for each in spans] == ["candidate 1.0 round 0"] * 4 + ["candidate 1.0 round 1"] * 2
    assert len({each.key for each in spans}) == len(spans)


def test_a_sub_agents_next_call_does_not_end_a_tool_of_its_parent() -> None:
    spans = spans_of(
        step(1, "task"), step(20), subagent_trajectories=[{"agent": {"name": "sub"}, "steps": [step(5)]}]
    )
    assert ("execute_tool task", 3, 20) in seconds(spans)


def test_tokens_and_cost_are_attributes_and_no_text_is() -> None:
    call, tool = spans_of(step(1, "read"))
    assert call.attributes["gen_ai.usage.input_tokens"] == 100
    assert call.attributes["bench.cost_usd"] == 0.25
    assert tool.attributes == {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "read"}
    text = repr([call, tool])
    assert "said" not in text
    assert "secret.txt" not in text


def test_what_a_worker_invents_stays_inside_its_candidate() -> None:
    spans = spans_of(step(-99, "a", took=10**9), step(10**6), {"source": "agent", "timestamp": 7}, 7)
    assert all(ZERO <= each.begin_ms <= each.end_ms <= ZERO + 60_000 for each in spans)


def test_an_id_depends_on_nothing_but_what_it_is_of() -> None:
    assert trace_id_of("execution b-1/7") == 259910162454076176010011741723569314329
    assert span_id_of("t", "a") != span_id_of("t", "b") != span_id_of("u", "b")
    assert 0 < span_id_of("t", "a") < 2**64
