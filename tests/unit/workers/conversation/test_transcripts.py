"""Conversations from the gateway's transcript: branches, retries, cut streams, money, and nothing repeated."""

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.conversation.helpers import CONVERSATIONS, all_text, checked, steps, strings, walk
from workers.conversation.store import conversation_of
from workers.gateway.transcript import read

TRANSCRIPTS = sorted(CONVERSATIONS.glob("transcript-*.jsonl"))
Json = dict[str, Any]


def of(name: str) -> Json:
    calls = read(CONVERSATIONS / f"transcript-{name}.jsonl")
    return checked(conversation_of(name.split("-")[0], [], calls))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=[path.stem for path in TRANSCRIPTS])
def test_a_transcript_becomes_a_valid_trajectory_with_all_that_was_sent_and_paid(path: Path) -> None:
    calls = list(read(path))
    document = checked(conversation_of("program", [], calls))
    text = all_text(document)
    for call in calls:
        request = call["request"]
        history = request.get("messages") or request.get("input") or request.get("contents")
        sent = [
            part
            for message in history
            for part in ([message["content"]] if isinstance(message.get("content"), str) else parts(message))
        ]
        assert [each for each in sent if each not in text] == []
    paid = sum(call.get("micro_usd") or 0 for call in calls)
    every = [
        step["metrics"]["cost_usd"] for each in walk(document) for step in each["steps"] if "metrics" in step
    ]
    assert round(sum(every) * 1e6) == paid > 0
    total = document["final_metrics"].get("extra", {}).get("total_cost_usd_with_subagents")
    assert round((total or document["final_metrics"]["total_cost_usd"]) * 1e6) == paid
    assert document["extra"] == {"source": "gateway"}


def parts(message: Json) -> list[str]:
    """The texts and commands of a message in blocks."""
    blocks = message.get("content") or message.get("parts") or [message]
    return [
        text
        for block in blocks
        for value in (block.get("text"), block.get("input"), block.get("args"))
        for text in strings(value)
    ]


@pytest.mark.parametrize("name", ["claude-sub", "codex-sub", "opencode-sub"])
def test_a_sub_agent_is_a_branch_of_the_call_that_started_it(name: str) -> None:
    document = of(name)
    (below,) = document["subagent_trajectories"]
    assert below["extra"] == {"role": "sub-agent"}
    assert steps(below, "agent")[-1]["message"] == "child done"
    (starting,) = (
        each
        for each in steps(document, "agent")
        for result in each.get("observation", {}).get("results", [])
        if "subagent_trajectory_ref" in result
    )
    assert "SUBTASK-77 look" in str(starting["tool_calls"])
    assert steps(document, "agent")[-1]["message"] == "Fixed with a helper."
    assert "child done" not in [each["message"] for each in steps(document, "agent")]


def test_a_stream_that_broke_off_is_marked_and_its_repetition_follows() -> None:
    cut, whole = steps(of("claude-trunc"), "agent")[-2:]
    assert (cut["message"], "cut" in cut["extra"]) == ("Fixed the bug in mathb", True)
    assert (whole["message"], "cut" in whole["extra"]) == (
        "Fixed the bug in mathbox.py; the tests pass.",
        False,
    )


def test_refused_calls_are_steps_and_repeat_no_message() -> None:
    document = of("claude-429")
    refused = [each for each in steps(document, "system") if each.get("extra", {}).get("error")]
    assert len(refused) == 2
    assert all(each["message"].startswith("HTTP 429: ") for each in refused)
    assert len(steps(document, "user")) == 1


def test_ids_that_a_program_gave_to_calls_are_taken_over() -> None:
    answers = steps(of("gemini-fix"), "agent")
    assert [each["message"] for each in answers] == [
        "I will fix it.",
        "Fixed the bug in mathbox.py; the tests pass.",
    ]
    (call,) = answers[0]["tool_calls"]
    assert call["tool_call_id"].startswith("run_shell_command_")
    assert answers[0]["observation"]["results"][0]["source_call_id"] == call["tool_call_id"]


def chat(number: int, messages: list[Json], answer: Json, tools: bool = True, **rest: Any) -> Json:
    """A call of Chat Completions."""
    return {
        "n": number,
        "kind": "chat",
        "at": 1_796_000_000 + number,
        "request": {
            "model": "m",
            "messages": messages,
            **({"tools": [{"function": {"name": "sh"}}]} if tools else {}),
        },
        "status": 200,
        "response": {"choices": [{"message": {"role": "assistant", **answer}, "finish_reason": "stop"}]},
        **rest,
    }


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def call(name: str, **arguments: str) -> Json:
    import json

    function = {"name": "sh", "arguments": json.dumps(arguments)}
    return {"content": None, "tool_calls": [{"id": name, "type": "function", "function": function}]}


def result(name: str, text: str) -> Json:
    return {"role": "tool", "tool_call_id": name, "content": text}


def assistant(answer: Json) -> Json:
    return {"role": "assistant", **answer}


def test_a_message_that_is_changed_later_is_a_step_of_its_own_and_repeats_no_other() -> None:
    first = [user("Fix it.")]
    second = [*first, assistant(call("c1", cmd="ls")), result("c1", "a.py")]
    third = [*second, assistant({"content": "Seen."}), user("Go on.")]
    revised = copy.deepcopy(third)
    revised[0]["content"] = "Fix it. Be quick."
    document = checked(
        conversation_of(
            "p",
            [],
            [
                chat(0, first, call("c1", cmd="ls")),
                chat(1, second, {"content": "Seen."}),
                chat(2, revised, {"content": "Done."}),
            ],
        )
    )
    assert "subagent_trajectories" not in document
    assert [each["message"] for each in document["steps"]] == [
        "Fix it.",
        "",
        "Seen.",
        "Fix it. Be quick.",
        "Go on.",
        "Done.",
    ]


def test_equal_messages_are_as_many_steps_as_they_were_sent() -> None:
    one = [user("Go on.")]
    two = [*one, assistant({"content": "Yes."}), user("Go on.")]
    document = checked(
        conversation_of("p", [], [chat(0, one, {"content": "Yes."}), chat(1, two, {"content": "Yes."})])
    )
    assert [each["message"] for each in document["steps"]] == ["Go on.", "Yes.", "Go on.", "Yes."]


def test_two_sub_agents_with_the_same_words_are_two_branches_of_two_calls() -> None:
    both = {
        "content": "",
        "tool_calls": [*call("a", p="Look around")["tool_calls"], *call("b", p="Look around")["tool_calls"]],
    }
    head = [user("Fix it.")]
    look = [user("Context.\nLook around")]
    seen = [*look, assistant(call("x1", cmd="ls")), result("x1", "1")]
    also = [*look, assistant(call("y1", cmd="ls")), result("y1", "2")]
    document = checked(
        conversation_of(
            "p",
            [],
            [
                chat(0, head, both),
                chat(1, look, call("x1", cmd="ls")),
                chat(2, look, call("y1", cmd="ls")),
                chat(3, seen, {"content": "One."}),
                chat(4, also, {"content": "Two."}),
                chat(
                    5,
                    [*head, assistant(both), result("a", "One."), result("b", "Two.")],
                    {"content": "Done."},
                ),
            ],
        )
    )
    first, second = document["subagent_trajectories"]
    assert [steps(each, "agent")[-1]["message"] for each in (first, second)] == ["One.", "Two."]
    results = steps(document, "agent")[0]["observation"]["results"]
    assert [each["content"] for each in results] == ["One.", "Two."]
    assert {each["subagent_trajectory_ref"][0]["trajectory_id"] for each in results} == {
        first["trajectory_id"],
        second["trajectory_id"],
    }


def test_branches_that_share_messages_share_no_steps() -> None:
    shared = [assistant(call("c1", cmd="ls")), result("c1", "a.py")]
    document = checked(
        conversation_of(
            "p",
            [],
            [
                chat(0, [user("Fix it."), *shared], {"content": "Done."}),
                chat(1, [user("Look."), *shared], {"content": "Seen."}, tools=False),
            ],
        )
    )
    for each in (document, document["subagent_trajectories"][0]):
        (called,) = (step for step in each["steps"] if step.get("tool_calls"))
        assert [result["content"] for result in called["observation"]["results"]] == ["a.py"]


def test_a_call_for_a_title_is_auxiliary_wherever_it_comes() -> None:
    title = chat(0, [user("Title for: Fix it.")], {"content": "A fix"}, tools=False)
    work = [chat(1, [user("Fix it.")], {"content": "Done."})]
    for calls in ([title, *work], [*work, title]):
        document = checked(conversation_of("p", [], calls))
        (below,) = document["subagent_trajectories"]
        assert below["extra"] == {"role": "auxiliary"}
        assert steps(below, "agent")[0]["message"] == "A fix"
        assert steps(document, "agent")[0]["message"] == "Done."


def test_a_call_without_any_answer_is_shown_as_one() -> None:
    lost = chat(0, [user("Fix it.")], {}, response=None, status=None, error="stalled for 120 s")
    document = checked(conversation_of("p", [], [lost]))
    assert document["steps"][-1]["message"] == "stalled for 120 s"
    assert document["steps"][-1]["timestamp"] == "2026-11-30T00:53:20.000Z"


def test_money_tokens_and_waiting_of_a_call_are_in_its_step() -> None:
    usage = {"input": 1, "cached": 20, "cache_write": 300, "cache_write_1h": 4000, "output": 7}
    paid = chat(
        0, [user("Fix it.")], {"content": "Done."}, usage=usage, micro_usd=1234, wait_ms=50, is_bound=True
    )
    (answer,) = steps(checked(conversation_of("p", [], [paid])), "agent")
    assert answer["metrics"] == {
        "prompt_tokens": 4321,
        "completion_tokens": 7,
        "cached_tokens": 20,
        "cost_usd": 0.001234,
        "extra": {"cache_write": 300, "cache_write_1h": 4000, "is_upper_bound": True},
    }
    assert answer["extra"] == {"call": 0, "wait_ms": 50, "stop_reason": "stop"}


def test_reasoning_is_kept_and_its_loss_in_later_requests_repeats_nothing() -> None:
    thought = {"content": "Look.", "reasoning_content": "Hmm."}
    later = [user("Fix it."), assistant({"content": "Look.  "}), user("Go on.")]
    document = checked(
        conversation_of("p", [], [chat(0, [user("Fix it.")], thought), chat(1, later, {"content": "Done."})])
    )
    assert [each["message"] for each in document["steps"]] == ["Fix it.", "Look.", "Go on.", "Done."]
    assert document["steps"][1]["reasoning_content"] == "Hmm."
