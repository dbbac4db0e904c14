"""What the scripted model does over the turns of a conversation, and for programs of different kinds."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.workers.gateway.scripted.scripted_clients import CLIENTS
from workers.gateway.scripted.acting import SUBTASK, ScriptedModel
from workers.gateway.scripted.chat import ChatCompletions
from workers.gateway.scripted.edits import CALC
from workers.gateway.scripted.messages import ScriptedCall, ScriptedReply, ToolDefinition
from workers.gateway.scripted.prices import Tokens
from workers.gateway.scripted.responses import OpenAIResponses
from workers.gateway.scripted.scenarios import BACKGROUND_SECONDS, SCENARIOS, scenario_of
from workers.gateway.scripted.server import ScriptedModels

ANTHROPIC, RESPONSES, CHAT, GEMINI = CLIENTS
SHELL = ToolDefinition("bash", {"properties": {"command": {"type": "string"}}})
SUB_AGENTS = ToolDefinition("spawn_agent", namespace="multi_agent_v1")


def _call(*tools: ToolDefinition, turn: int = 0, text: str = "", prompt: str = "Repair add.") -> ScriptedCall:
    return ScriptedCall("gpt-5-mini", False, tools, turn, (prompt,), text, None)


def _reply(scenario: str, call: ScriptedCall) -> ScriptedReply:
    return ScriptedModel(CALC).reply(call, SCENARIOS[scenario], 1, Tokens(input=10))


@pytest.mark.parametrize(
    ("scenario", "statuses"),
    [
        ("rate_limit_twice", [429, 429, 200]),
        ("overloaded_once", [529, 200, 200]),
        ("overflow_later", [200, 400, 400]),
        ("overloaded", [529, 529, 529]),
    ],
)
def test_a_fault_hits_its_calls(
    models: ScriptedModels, key_for: Callable[[str], str], scenario: str, statuses: list[int]
) -> None:
    key = key_for(scenario)
    assert [CHAT.ask(models.url, key, stream=False).status for _ in statuses] == statuses


def test_side_calls_are_answered_briefly_and_never_fail(
    models: ScriptedModels, key_for: Callable[[str], str]
) -> None:
    key = key_for("overloaded")
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "A title, please."}]}
    received = CHAT.__class__(**{**CHAT.__dict__, "body": lambda *_: dict(body)}).ask(
        models.url, key, stream=False
    )
    assert (received.status, received.tokens_out) == (200, 12)


def test_a_loop_never_ends_and_each_command_differs() -> None:
    replies = [_reply("loop", _call(SHELL, turn=turn)) for turn in range(30)]
    assert len({reply.tool.arguments["command"] for reply in replies}) == 30
    assert {reply.stop for reply in replies} == {"tool"}


def test_a_background_process_is_left_after_the_edit() -> None:
    command = _reply("background", _call(SHELL)).tool.arguments["command"]
    assert command.startswith("sed -i")
    assert f"setsid nohup sleep {BACKGROUND_SECONDS}" in command


def test_a_program_with_sub_agents_delegates_before_it_edits() -> None:
    agent = ToolDefinition("Agent")
    turns = [_reply("subagent", _call(SHELL, agent, turn=turn)) for turn in range(3)]
    assert [reply.tool and reply.tool.name for reply in turns] == ["Agent", "bash", None]
    child = _reply("subagent", _call(SHELL, agent, prompt=turns[0].tool.arguments["prompt"]))
    assert (child.tool, child.text) == (None, "It subtracts.")


def test_codex_waits_for_its_sub_agent() -> None:
    text = json.dumps({"output": json.dumps({"agent_id": "01a22cd7-fd17-7f61-a149-8681162bf4bb"})})
    turns = [_reply("subagent", _call(SHELL, SUB_AGENTS, turn=turn, text=text)) for turn in range(4)]
    assert [reply.tool and reply.tool.name for reply in turns] == ["spawn_agent", "wait_agent", "bash", None]
    assert turns[1].tool.arguments["targets"] == ["01a22cd7-fd17-7f61-a149-8681162bf4bb"]
    assert turns[0].tool.namespace == turns[1].tool.namespace == "multi_agent_v1"


def test_a_program_without_sub_agents_edits_at_once() -> None:
    assert _reply("subagent", _call(SHELL)).tool.name == "bash"


def test_aider_gets_blocks_and_mini_commands_that_end_its_task() -> None:
    aider = _reply("success", _call(text="Every *SEARCH/REPLACE block* must use this format"))
    assert "<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE" in aider.text
    rules = "mswea_bash_command … COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
    first, second = (_reply("success", _call(turn=turn, text=rules)) for turn in (0, 1))
    assert first.text.endswith("calc.py\n```")
    assert second.text.endswith("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT\n```")
    tool = _reply("success", _call(SHELL, turn=1, text=rules)).tool
    assert tool.arguments == {"command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"}


def test_a_shell_tool_gets_the_arguments_that_its_schema_requires() -> None:
    properties = {
        "command": {"type": "array"},
        "description": {"type": "string"},
        "timeout": {"type": "number"},
        "is_background": {"type": "boolean"},
    }
    shell = ToolDefinition("shell", {"properties": properties, "required": list(properties)})
    arguments = _reply("loop", _call(shell)).tool.arguments
    assert arguments["command"] == ["bash", "-lc", "echo look 0; sleep 0.1"]
    assert arguments["timeout"] == 10_000
    assert (arguments["is_background"], arguments["description"]) == (False, "fix the bug")


@pytest.mark.parametrize(
    ("tool", "item"),
    [
        ({"type": "local_shell"}, "local_shell_call"),
        ({"type": "custom", "name": "shell"}, "custom_tool_call"),
        ({"type": "function", "name": "shell", "parameters": {}}, "function_call"),
    ],
)
def test_the_responses_dialect_calls_each_form_of_tool(tool: dict[str, Any], item: str) -> None:
    wire = OpenAIResponses()
    call = wire.read({"model": "gpt-5.2-codex", "input": "Repair add.", "tools": [tool]})
    reply = _reply("success", call)
    assert [each["type"] for each in wire.whole(reply)["output"]] == ["message", item]
    assert any(f'"{item}"' in event for event in wire.stream(reply)[1])


def test_codex_in_its_code_mode_gets_a_script() -> None:
    call = OpenAIResponses().read({"model": "gpt-5.2-codex", "input": [{"type": "additional_tools"}]})
    tool = _reply("success", call).tool
    assert (tool.name, tool.namespace, tool.form) == ("exec", "functions", "custom")
    assert tool.arguments["input"].startswith('const r = await tools.exec_command({cmd: "sed -i')


@pytest.mark.parametrize(("rules", "turn"), [("mswea_bash_command", 1), ("SEARCH/REPLACE", 0)])
def test_answers_are_turns_for_mini_and_examples_for_aider(rules: str, turn: int) -> None:
    messages = [{"role": role, "content": rules} for role in ("system", "user", "assistant", "user")]
    assert ChatCompletions().read({"model": "m", "messages": messages}).turn == turn


def test_a_key_names_its_scenario() -> None:
    assert scenario_of("sk-lab-rate_limit_twice-run-7") is SCENARIOS["rate_limit_twice"]
    assert scenario_of("sk-ant-lab-success-1") is SCENARIOS["success"]
    assert scenario_of("sk-lab-success") is None
    assert SUBTASK not in {each.final_text for each in SCENARIOS.values()}
