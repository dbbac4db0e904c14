"""A conversation is readable: a heading for each step, texts as they were written, calls with their results."""

from typing import Any

import pytest

from bench.inspection.conversation_show import conversation_parts
from bench.terminal import plain_console, print_parts

Json = dict[str, Any]
LONG = "\n".join(
    f"line {number} of a file whose name is long enough to be broken on a screen" for number in range(200)
)


def shown(capsys: pytest.CaptureFixture[str], *steps: Json, **more: Any) -> list[str]:
    conversation = {"agent": {"name": "mini"}, "steps": list(steps), **more}
    print_parts(plain_console(None), conversation_parts("x3", "x3-a1-c0-0d208a5d", conversation))
    return capsys.readouterr().out.splitlines()


def test_a_step_has_its_facts_its_text_and_each_call_with_its_results(
    capsys: pytest.CaptureFixture[str],
) -> None:
    step = {
        "step_id": 2,
        "source": "agent",
        "timestamp": "2026-11-30T19:23:40Z",
        "message": "First\n\n  the tests.",
        "tool_calls": [
            {"tool_call_id": "a", "function_name": "bash", "arguments": {"command": "ls \\\n  -l"}},
            {"tool_call_id": "b", "function_name": "edit", "arguments": {"file": "a.py", "line": 3}},
        ],
        "observation": {
            "results": [
                {"source_call_id": "b", "content": [{"type": "text", "text": "done"}]},
                {"source_call_id": "a", "content": "total 2\n  a.py\n"},
            ]
        },
        "metrics": {"cost_usd": 0.0012, "prompt_tokens": 1800, "completion_tokens": 42},
    }
    branch = {"agent": {"name": "helper"}, "steps": [{"step_id": 1, "source": "user", "message": ""}]}
    assert shown(capsys, step, subagent_trajectories=[branch]) == [
        "Conversation of x3-a1-c0-0d208a5d",
        "",
        "step 2  agent  mini  2026-11-30T19:23:40Z  1,800 tokens in, 42 out  $0.0012",
        "    First",
        "",
        "      the tests.",
        "    > bash ls \\",
        "          -l",
        "        total 2",
        "          a.py",
        '    > edit {"file": "a.py", "line": 3}',
        "        done",
        "",
        "step 1  user  helper",
    ]


def test_a_long_text_has_a_mark_and_the_command_that_prints_all_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = shown(capsys, {"step_id": 1, "source": "user", "message": LONG})
    assert lines[3:5] == [f"    {line}" for line in LONG.splitlines()[:2]]
    assert lines[-3].endswith(" more characters")
    assert lines[-1] == "- the whole texts: bench show x3 --conversation -o json"
    assert len(lines) < 50


def test_a_worker_may_report_anything(capsys: pytest.CaptureFixture[str]) -> None:
    odd: Json = {"step_id": None, "source": 7, "message": {"a": 1}, "tool_calls": [3], "observation": "x"}
    assert shown(capsys, odd, {"step_id": 1, "metrics": {"cost_usd": "much"}})[0].startswith("Conversation")
