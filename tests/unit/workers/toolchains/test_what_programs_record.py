"""Usage and retries from what programs record: claude's partial messages, codex's sessions, opencode's log."""

import json
from pathlib import Path
from typing import Any

from workers.prices.tokens import Tokens
from workers.toolchains.claude_stream import ClaudeTally
from workers.toolchains.codex_sessions import SessionReader
from workers.toolchains.opencode_stream import OpencodeTally, retried


def usage(given: int, out: int) -> dict[str, int]:
    return {"input_tokens": given, "cached_input_tokens": 0, "output_tokens": out}


def call(session: str, given: int, out: int) -> dict[str, Any]:
    return {"type": "token_usage_record", "payload": {"thread_id": session, "usage": usage(given, out)}}


def total(given: int, out: int) -> dict[str, Any]:
    info = {"total_token_usage": usage(given, out)}
    return {"type": "event_msg", "payload": {"type": "token_count", "info": info}}


def begins(session: str, model: str, parent: str | None = None) -> list[dict[str, Any]]:
    meta = {"id": session} | ({} if parent is None else {"forked_from_id": parent})
    return [
        {"type": "session_meta", "payload": meta},
        {"type": "turn_context", "payload": {"model": model}},
    ]


def record(home: Path, session: str, *events: dict[str, Any]) -> None:
    day = home / "sessions" / "2026" / "11" / "30"
    day.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    (day / f"rollout-2026-11-30T10-00-00-{session}.jsonl").write_text(lines)


def test_a_sub_agent_is_priced_at_its_own_model(tmp_path: Path) -> None:
    record(tmp_path, "a", *begins("a", "gpt-5"), call("a", 1000, 100), total(1000, 100))
    record(tmp_path, "b", *begins("b", "gpt-5-mini"), call("b", 1000, 100), total(1000, 100))
    sessions = SessionReader().so_far(tmp_path, "gpt-5")
    assert sessions.usage.tokens == Tokens(input=2000, output=200)
    assert sessions.usage.priced == (1250 + 1000) + (250 + 200)
    assert not sessions.usage.is_partial


def test_each_call_is_priced_at_the_tier_of_its_own_context(tmp_path: Path) -> None:
    """Long contexts cost more from 272,000 tokens on: two of 200,000 are no long one."""
    record(tmp_path, "a", *begins("a", "gpt-5.4"), call("a", 200_000, 0), call("a", 200_000, 0))
    assert SessionReader().so_far(tmp_path, "gpt-5").usage.priced == 2 * 200_000 * 2.5


def test_a_sub_agent_with_a_model_without_a_price_leaves_the_sum_unknown(tmp_path: Path) -> None:
    record(tmp_path, "a", *begins("a", "gpt-5"), call("a", 1000, 100))
    record(tmp_path, "b", *begins("b", "house-model"), call("b", 1000, 100))
    sessions = SessionReader().so_far(tmp_path, "gpt-5")
    assert (sessions.usage.priced, sessions.usage.tokens) == (None, Tokens(input=2000, output=200))


def test_a_fork_counts_nothing_that_its_parent_counts(tmp_path: Path) -> None:
    record(tmp_path, "a", *begins("a", "gpt-5"), call("a", 1000, 100), total(1000, 100))
    copied = [*begins("a", "gpt-5"), call("a", 1000, 100), total(1000, 100)]
    record(tmp_path, "b", *begins("b", "gpt-5", parent="a"), *copied)
    sessions = SessionReader().so_far(tmp_path, "gpt-5")
    assert sessions.usage.tokens == Tokens(input=1000, output=100)


def test_without_records_of_calls_the_highest_total_counts(tmp_path: Path) -> None:
    reset = {
        "type": "event_msg",
        "payload": {"type": "token_count", "info": {"total_token_usage": usage(0, 0)}},
    }
    record(tmp_path, "a", *begins("a", "gpt-5"), total(1000, 100), total(3000, 300), reset)
    sessions = SessionReader().so_far(tmp_path, "gpt-5")
    assert sessions.usage.tokens == Tokens(input=3000, output=300)
    assert sessions.usage.priced == 3750 + 3000


def test_an_interrupted_answer_of_a_sub_agent_makes_the_sum_a_part(tmp_path: Path) -> None:
    record(tmp_path, "a", *begins("a", "gpt-5"), call("a", 1000, 100), total(1000, 100))
    record(tmp_path, "b", *begins("b", "gpt-5"), total(0, 0), call("b", 10, 1), total(10, 1))
    assert SessionReader().so_far(tmp_path, "gpt-5").usage.is_partial


LOG = (
    'timestamp=2026-11-30T14:37:{second:02d}.602Z level=ERROR run=d message="stream error" providerID=anthropic '
    'modelID=m session.id=s error.error="AI_APICallError: Overloaded"\n'
)
AT_10 = 1_796_049_430_602


def test_a_retry_after_the_last_event_is_what_the_program_waits_for(tmp_path: Path) -> None:
    log = tmp_path / "opencode.log"
    log.write_text('level=INFO message=init\n"\n' + LOG.format(second=10))
    assert retried(log, AT_10 - 1) == "AI_APICallError: Overloaded"
    assert retried(log, AT_10) == ""


def test_a_log_that_is_missing_or_no_log_has_no_retries(tmp_path: Path) -> None:
    assert retried(tmp_path / "opencode.log", 0) == ""
    (tmp_path / "opencode.log").write_bytes(b'\xff\x00timestamp=x message="stream error"\n' * 3)
    assert retried(tmp_path / "opencode.log", 0) == ""


def step(cost: float, given: int, written: int) -> dict[str, Any]:
    tokens = {"input": given, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": written}}
    return {"type": "step_finish", "part": {"reason": "stop", "cost": cost, "tokens": tokens}}


def test_tokens_written_to_the_cache_are_charged_where_the_program_has_no_price_for_them() -> None:
    tally = OpencodeTally()
    tally.feed(step(cost=0.00125, given=1000, written=2000))
    assert tally.usage("openai/gpt-5").spent == 1250 + 2500


def test_a_cost_that_contains_the_cache_stays_as_reported() -> None:
    tally = OpencodeTally()
    tally.feed(step(cost=0.0105, given=1000, written=2000))
    assert tally.usage("anthropic/claude-sonnet-4-5").reported == 10_500


def test_a_cache_written_for_an_hour_is_dearer_and_counted_once() -> None:
    created = {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000}
    written = {"input_tokens": 0, "cache_creation_input_tokens": 3000, "output_tokens": 1}
    message = {"id": "m", "model": "claude-sonnet-4-5", "usage": {**written, "cache_creation": created}}
    tally = ClaudeTally()
    tally.feed({"type": "stream_event", "event": {"type": "message_start", "message": message}})
    usage = {**written, "output_tokens": 100}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    tally.feed({"type": "stream_event", "event": delta})
    assert tally.usage().spent == 1000 * 3.75 + 2000 * 6 + 100 * 15
