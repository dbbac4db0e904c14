"""Streams that take back, leave out or go on: what is booked and judged is what was done."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workers.spec import ToolchainRef
from workers.toolchains.base import Finished, Report, RoundContext
from workers.toolchains.registry import get_toolchain

Event = dict[str, Any]
MODELS = {"claude": "claude-haiku-4-5", "codex": "gpt-5", "opencode": "p/m", "aider": "claude-haiku-4-5"}
Made = Callable[..., Report]
Told = Callable[..., int | None]


def result(**changes: Any) -> Event:
    plain = {"type": "result", "subtype": "success", "is_error": False, "num_turns": 3, "result": "done"}
    usage = {"input_tokens": 1000, "output_tokens": 500}
    return {**plain, "session_id": "s", "total_cost_usd": 0.42, "usage": usage, **changes}


def step(reason: str = "stop", cost: float | None = 0.01, tokens: int = 500, **part: Any) -> Event:
    counts = {"input": tokens, "output": tokens // 5, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    return {
        "type": "step_finish",
        "sessionID": "root",
        "part": {"reason": reason, "cost": cost, "tokens": counts, "messageID": "m1", **part},
    }


def text(words: str = "Done.", message: str = "m1") -> Event:
    return {"type": "text", "sessionID": "root", "part": {"text": words, "messageID": message}}


def turn(given: int = 1000, out: int = 100, written: int = 0) -> Event:
    usage = {"input_tokens": given, "output_tokens": out, "cache_write_input_tokens": written}
    return {"type": "turn.completed", "usage": usage}


def message(words: str = "Fixed.") -> Event:
    return {"type": "item.completed", "item": {"type": "agent_message", "text": words}}


ASSISTANT = {
    "type": "assistant",
    "message": {"id": "m1", "model": "claude-haiku-4-5", "usage": {"input_tokens": 1000, "output_tokens": 1}},
}
USER = {"type": "user", "message": {}}
START = {"type": "step_start", "sessionID": "root"}
SPAWN = {
    "type": "item.completed",
    "item": {"type": "collab_tool_call", "tool": "spawn_agent", "receiver_thread_ids": ["child-1"]},
}
TASK: dict[str, Any] = {
    "type": "tool_use",
    "sessionID": "root",
    "part": {"tool": "task", "state": {"metadata": {"sessionId": "child"}}},
}


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., RoundContext]:
    def make(name: str, number: int = 0) -> RoundContext:
        out = tmp_path / f"out-{number}"
        out.mkdir(exist_ok=True)
        ref = ToolchainRef(name=name, model=MODELS[name])
        return RoundContext(
            ref, tmp_path, tmp_path / "p", tmp_path / "m", out, tmp_path, 1, 1, 60.0, 2_000_000
        )

    return make


def write(context: RoundContext, name: str, events: tuple[Event, ...]) -> Path:
    stdout = context.out / "stdout"
    file = context.out / "aider-events.jsonl" if name == "aider" else stdout
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    return stdout


@pytest.fixture
def made(context: Callable[..., RoundContext]) -> Made:
    def report(name: str, *events: Event, ended_by: Any = "exit", code: int = 0) -> Report:
        cell = context(name)
        stdout = write(cell, name, events)
        exit_code = code if ended_by == "exit" else None
        return get_toolchain(name).report(cell, Finished(exit_code, stdout, cell.out / "stderr", ended_by, 1))

    return report


@pytest.fixture
def count_results(context: Callable[..., RoundContext]) -> Told:
    # A stream only grows: each has a place of its own.
    places = itertools.count(1)

    def ask(name: str, *events: Event) -> int | None:
        cell = context(name, next(places))
        return get_toolchain(name).result_count(cell, write(cell, name, events))

    return ask


@pytest.mark.parametrize("later", [0, 0.05, None, 0.42])
def test_a_later_result_takes_no_cost_back(made: Made, later: float | None) -> None:
    report = made("claude", result(), result(total_cost_usd=later))
    assert (report.micro_usd, report.is_lower_bound) == (420_000, False)


def test_totals_of_two_sessions_add_up(made: Made) -> None:
    report = made("claude", result(), result(session_id="t", total_cost_usd=0.1), result(total_cost_usd=0))
    assert report.micro_usd == 520_000


ENDS_OF_ITS_OWN = [
    result(is_error=True, num_turns=0, subtype="error_during_execution", result="", total_cost_usd=0),
    result(is_error=True, num_turns=None, usage={}, result="", total_cost_usd=None),
    result(num_turns=0, result="", total_cost_usd=0),
]


@pytest.mark.parametrize("later", ENDS_OF_ITS_OWN)
def test_a_result_without_a_turn_does_not_undo_a_success(made: Made, later: Event) -> None:
    report = made("claude", ASSISTANT, result(), later, code=1)
    assert (report.status, report.message, report.micro_usd) == ("success", "done", 420_000)


def test_a_result_that_worked_and_failed_does(made: Made) -> None:
    failed = result(is_error=True, num_turns=4, api_error_status=529, result="API Error: overloaded")
    assert made("claude", result(), failed).error_class == "provider"
    assert made("claude", ENDS_OF_ITS_OWN[0], result()).status == "success"


@pytest.mark.parametrize("name", ["codex", "opencode"])
def test_an_error_after_the_last_answer_does_not_undo_it(made: Made, name: str) -> None:
    streams = {
        "codex": (
            message(),
            turn(),
            {"type": "error", "message": "lost"},
            {"type": "turn.failed", "error": {}},
        ),
        "opencode": (START, text(), step(), {"type": "error", "error": {"name": "APIError"}}),
    }
    assert made(name, *streams[name]).status == "success"


def test_an_error_instead_of_an_answer_stands(made: Made) -> None:
    overloaded = {"type": "error", "error": {"name": "APIError", "data": {"statusCode": 529}}}
    assert made("opencode", START, text(), step("tool-calls"), overloaded).error_class == "provider"
    # A summary ends like an answer; what goes on after it has a message of its own.
    assert made("opencode", START, step(), text("Go on", "m2"), overloaded).error_class == "provider"


@pytest.mark.parametrize(
    "delegating", [TASK, {**TASK, "part": {**TASK["part"], "tool": "look"}}], ids=["by-name", "by-session"]
)
def test_the_root_session_alone_is_a_lower_bound(made: Made, delegating: Event) -> None:
    report = made("opencode", delegating, step("tool-calls"), text(), step())
    assert (report.status, report.micro_usd, report.is_lower_bound) == ("success", 20_000, True)
    alone = made("opencode", step("tool-calls"), text(), step())
    assert (alone.micro_usd, alone.is_lower_bound) == (20_000, False)


def test_a_step_that_broke_off_or_tells_nothing_makes_a_lower_bound(made: Made) -> None:
    assert made("opencode", START, START, text(), step()).is_lower_bound
    assert made("opencode", START, step("unknown", 0, 0), START, text(), step()).is_lower_bound
    nothing = made("opencode", START, text(), step("stop", 0, 0))
    assert (nothing.status, nothing.micro_usd, nothing.priced_micro_usd) == ("success", None, None)


def test_a_step_without_a_price_makes_a_lower_bound_of_the_others(made: Made) -> None:
    report = made("opencode", step("tool-calls"), text(), step("stop", 0))
    assert (max(report.micro_usd or 0, report.priced_micro_usd or 0), report.is_lower_bound) == (10_000, True)


def test_an_aider_session_with_a_model_of_unknown_price_is_a_lower_bound(made: Made) -> None:
    def sent(cost: float, total: float) -> Event:
        counts = {"prompt_tokens": 10, "completion_tokens": 5, "cost": cost, "total_cost": total}
        return {"event": "message_send", "properties": counts}

    assert made("aider", sent(0.2, 0.2), sent(0.1, 0.3)).is_lower_bound is False
    report = made("aider", sent(0.2, 0.2), sent(0, 0.2))
    assert (report.micro_usd, report.is_lower_bound) == (200_000, True)


def rollout(context: RoundContext, session: str, *totals: tuple[int, int]) -> None:
    day = context.out / "codex" / "sessions" / "2026" / "11" / "30"
    day.mkdir(parents=True, exist_ok=True)
    lines = []
    for given, out in totals:
        info = {"total_token_usage": {"input_tokens": given, "output_tokens": out}}
        lines.append(json.dumps({"payload": {"type": "token_count", "info": info}}))
    (day / f"rollout-2026-11-30T10-00-00-{session}.jsonl").write_text("\n".join([*lines, ""]))


def test_codex_sub_agents_have_records_of_their_own_that_add_up(
    made: Made, context: Callable[..., RoundContext]
) -> None:
    cell = context("codex")
    rollout(cell, "root", (400, 50), (1000, 100), (0, 0))  # set back by an overflow
    rollout(cell, "child-1", (200, 10), (2000, 300))
    report = made("codex", SPAWN, message(), turn(1000, 100))
    # gpt-5: 1.25 a token in, 10 a token out
    assert (report.priced_micro_usd, report.is_lower_bound) == (3000 * 1.25 + 400 * 10, False)
    assert (report.tokens_in, report.tokens_out) == (3000, 400)
    toolchain = get_toolchain("codex")
    assert toolchain.spent(cell, cell.out / "stdout") == report.priced_micro_usd


def test_codex_without_the_record_of_a_sub_agent_is_a_lower_bound(made: Made) -> None:
    report = made("codex", SPAWN, message(), turn(1000, 100))
    assert (report.priced_micro_usd, report.is_lower_bound) == (2250, True)


def test_a_broken_stream_makes_a_lower_bound_and_a_refusal_by_status_does_not(made: Made) -> None:
    broken = {"type": "error", "message": "Reconnecting... 1/5 (stream disconnected before completion)"}
    refused = {"type": "error", "message": "Reconnecting... 1/5 (exceeded retry limit, last status: 429)"}
    assert made("codex", broken, message(), turn()).is_lower_bound
    assert not made("codex", refused, message(), turn()).is_lower_bound


def test_tokens_written_to_the_cache_are_charged_as_such(
    made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.json"
    model = {"input": 1.0, "output": 2.0, "cache_write": 4.0}
    prices.write_text(json.dumps({"as_of": "2026-11-30", "models": {"gpt-5": model}}))
    monkeypatch.setenv("BENCH_PRICES", str(prices))
    assert made("codex", message(), turn(1000, 100, written=600)).priced_micro_usd == 400 + 2400 + 200


DELEGATED = {"type": "system", "subtype": "task_started", "task_id": "t1", "task_type": "local_agent"}
TASK_ENDED = {"type": "system", "subtype": "task_notification", "task_id": "t1"}
CUT_IN_THE_MIDDLE = {
    "claude without a result": ("claude", ASSISTANT),
    "claude at work again": ("claude", ASSISTANT, result(), USER, {**ASSISTANT, "message": {"model": "m"}}),
    "claude with a sub-agent left": ("claude", DELEGATED, result()),
    "claude's own usage only": ("claude", DELEGATED, TASK_ENDED, ASSISTANT, result(total_cost_usd=None)),
    "claude's connection": (
        "claude",
        ASSISTANT,
        result(is_error=True, result="API Error: Connection closed"),
    ),
    "codex without an end": ("codex", {"type": "turn.started"}, message()),
    "codex at work again": ("codex", message(), turn(), {"type": "turn.started"}),
    "opencode between steps": ("opencode", START, step("tool-calls")),
    "opencode's connection": (
        "opencode",
        START,
        step("tool-calls"),
        {"type": "error", "error": {"name": "provider.transport", "message": "ECONNRESET"}},
    ),
    "aider's connection": (
        "aider",
        {"event": "message_send_exception", "properties": {"exception": "litellm.APIConnectionError"}},
    ),
}


@pytest.mark.parametrize("stream", CUT_IN_THE_MIDDLE.values(), ids=CUT_IN_THE_MIDDLE)
def test_a_stream_cut_in_the_middle_is_a_lower_bound(made: Made, stream: tuple[Any, ...]) -> None:
    assert made(*stream).is_lower_bound


def test_a_stream_that_came_to_its_end_is_none(made: Made) -> None:
    assert not made("claude", DELEGATED, TASK_ENDED, ASSISTANT, result()).is_lower_bound
    overloaded = {"type": "error", "error": {"name": "APIError", "data": {"statusCode": 529}}}
    assert not made("opencode", START, step("tool-calls"), overloaded).is_lower_bound


@pytest.mark.parametrize("ended_by", ["budget", "silence", "cap", "cancel", "memory"])
@pytest.mark.parametrize("name", ["claude", "codex", "opencode"])
def test_what_a_stopped_program_told_is_a_lower_bound(made: Made, name: str, ended_by: str) -> None:
    streams = {
        "claude": (ASSISTANT, result(), USER),
        "codex": (message(), turn(), {"type": "turn.started"}),
        "opencode": (START, step("tool-calls"), START),
    }
    assert made(name, *streams[name], ended_by=ended_by).is_lower_bound


def test_an_answer_of_no_tokens_and_no_dollars_is_unknown(made: Made) -> None:
    nothing = {"input_tokens": 0, "output_tokens": 0}
    for events in (
        (result(total_cost_usd=0, usage=nothing),),
        (ASSISTANT, result(total_cost_usd=0, usage=nothing)),
    ):
        report = made("claude", *events)
        assert (report.status, report.micro_usd) == ("success", None)
    report = made("codex", message(), turn(0, 0))
    assert (report.status, report.micro_usd, report.priced_micro_usd) == ("success", None, None)


def test_a_result_is_told_until_something_follows_it(count_results: Told) -> None:
    assert count_results("claude", ASSISTANT) is None
    assert count_results("claude", ASSISTANT, result()) == 1
    assert count_results("claude", result(), USER) is None
    assert count_results("claude", result(), USER, ASSISTANT, result()) == 2
    assert count_results("codex", message(), turn()) == 1
    assert count_results("codex", message(), turn(), {"type": "turn.started"}) is None
    assert count_results("opencode", START, text(), step()) == 1
    assert count_results("opencode", START, step(), text("Go on", "m2")) is None
    assert count_results("opencode", START, step(), text()) == 1
    assert count_results("opencode", START, text(), step("tool-calls")) is None
    assert count_results("aider", {"event": "message_send", "properties": {}}) is None
    assert count_results("aider", {"event": "exit", "properties": {}}) == 1


def test_a_sub_agent_in_the_background_is_waited_for_and_a_command_is_not(count_results: Told) -> None:
    def started(kind: str) -> Event:
        return {"type": "system", "subtype": "task_started", "task_id": "t1", "task_type": kind}

    ended = {"type": "system", "subtype": "task_updated", "task_id": "t1", "patch": {"end_time": 1}}
    assert count_results("claude", started("local_agent"), result()) is None
    assert count_results("claude", started("local_agent"), result(), ended) == 1
    assert count_results("claude", started("local_bash"), result()) == 1


TROUBLE = {
    "claude": (
        ASSISTANT,
        {"type": "system", "subtype": "api_retry", "error_status": 529, "error": "overloaded"},
    ),
    "codex": (message(), {"type": "error", "message": "Reconnecting... 2/5 (last status: 529)"}),
    "opencode": (START, {"type": "error", "error": {"name": "APIError", "data": {"statusCode": 529}}}),
    "aider": ({"event": "message_send_exception", "properties": {"exception": "529 Overloaded"}},),
}
RECOVERED = {
    "claude": ASSISTANT,
    "codex": {"type": "item.started", "item": {"type": "command_execution"}},
    "opencode": START,
}


@pytest.mark.parametrize("ended_by", ["budget", "silence"])
@pytest.mark.parametrize("name", TROUBLE)
def test_a_program_stopped_while_its_provider_failed_is_no_failure(
    made: Made, name: str, ended_by: str
) -> None:
    report = made(name, *TROUBLE[name], ended_by=ended_by)
    assert (report.status, report.error_class) == ("error", "provider")
    assert "529" in report.message


@pytest.mark.parametrize("name", RECOVERED)
def test_trouble_that_is_over_is_none(made: Made, name: str) -> None:
    report = made(name, *TROUBLE[name], RECOVERED[name], ended_by="budget")
    assert (report.status, report.error_class) == ("partial", None)


def test_what_the_model_would_not_do_is_refused(made: Made) -> None:
    filtered = {"type": "error", "error": {"name": "ContentFilterError", "data": {"message": "blocked"}}}
    for report in (
        made(
            "claude", result(is_error=True, stop_reason="refusal", result="API Error: usage policy"), code=1
        ),
        made("codex", turn()),
        made("opencode", START, step("content-filter"), filtered, code=1),
    ):
        assert (report.status, report.error_class, report.fail_code) == ("failed", None, "refused")
