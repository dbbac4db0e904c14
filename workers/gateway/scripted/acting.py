"""Reply of the scripted model to a call: the scenario's move, in the tools that the program offers."""

import json
import re
from typing import Final

from workers.gateway.scripted.edits import Replacement, bash_block, search_replace, shell_command
from workers.gateway.scripted.messages import (
    Json,
    ReplyStop,
    ScriptedCall,
    ScriptedReply,
    ToolDefinition,
    ToolUse,
)
from workers.gateway.scripted.prices import Tokens
from workers.gateway.scripted.scenarios import BACKGROUND_SECONDS, Move, Scenario

SUBTASK: Final = "SUBTASK-77: look at the file and report what is wrong."
"""The prompt of a sub-agent, by which its calls are recognised."""
_SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
_BACKGROUND = f"(setsid nohup sleep {BACKGROUND_SECONDS} >/dev/null 2>&1 &) ; echo started"
_SHELLS = (
    "Bash",
    "bash",
    "exec_command",
    "shell_command",
    "shell",
    "run_shell_command",
    "execute_command",
    "exec",
    "local_shell",
)
_DELEGATES = ("Agent", "Task", "task", "spawn_agent")
_DELEGATE_ARGUMENTS: Final[dict[str, Json]] = {
    "Agent": {
        "description": "look",
        "prompt": SUBTASK,
        "subagent_type": "general-purpose",
        "run_in_background": False,
    },
    "Task": {"description": "look", "prompt": SUBTASK, "subagent_type": "general-purpose"},
    "task": {"description": "look", "prompt": SUBTASK, "subagent_type": "general"},
    "spawn_agent": {"message": SUBTASK},
}
_AGENT_ID = re.compile(r"agent_id[^0-9a-f]{1,12}([0-9a-f-]{36})")
_FILLERS: Final = {"boolean": False, "number": 10_000, "integer": 10_000}
_BYTES_PER_TOKEN = 4
_SIDE_OUTPUT = 12


def takes_blocks(call: ScriptedCall) -> bool:
    """Whether the program wants edits as SEARCH/REPLACE blocks, as aider does."""
    return not call.tools and "SEARCH/REPLACE" in call.text


def takes_bash_blocks(call: ScriptedCall) -> bool:
    """Whether the program wants commands as fenced blocks, as mini-swe-agent does from a model without tools."""
    return not call.tools and "mswea_bash_command" in call.text


def is_main(call: ScriptedCall) -> bool:
    """Whether the call is part of the work; others ask for a title or a summary."""
    return bool(call.tools) or takes_blocks(call) or takes_bash_blocks(call)


class ScriptedModel:
    """Deterministic model: its replies depend on scenario and conversation alone."""

    def __init__(self, edits: tuple[Replacement, ...]) -> None:
        self._edits = edits

    def reply(self, call: ScriptedCall, scenario: Scenario, serial: int, tokens: Tokens) -> ScriptedReply:
        """The reply to a call whose input is `tokens`; its output is never above the call's limit."""
        if not is_main(call) and scenario.name != "one_call":
            text, tool, output = "Fix a bug", None, _SIDE_OUTPUT
            stop: ReplyStop = "end"
        elif _is_subtask(call):
            text, tool, output, stop = "It subtracts.", None, scenario.output_tokens, "end"
        else:
            text, tool = self._act(call, scenario)
            stop = "tool" if tool is not None else scenario.stop
            output = scenario.output_tokens
        if call.max_output is not None and output > call.max_output:
            # What a limit cuts off first is the tool call, which is written last.
            text, tool, stop = text[: len(text) * call.max_output // output], None, "length"
            output = call.max_output
        return ScriptedReply(
            serial,
            call.model,
            text,
            tool,
            stop,
            tokens + Tokens(output=output),
            reasoning=min(64, output // 4),
            states_usage=scenario.states_usage and (call.wants_usage or not call.is_stream),
        )

    def _act(self, call: ScriptedCall, scenario: Scenario) -> tuple[str, ToolUse | None]:
        delegate = _tool(call, _DELEGATES)
        turn = call.turn
        if "delegate" in scenario.moves:
            if delegate is None:
                turn += 1  # the program has no sub-agents
            elif delegate.name == "spawn_agent" and turn > 0:
                turn -= 1  # codex waits for a sub-agent in a call of its own
                if turn == 0:
                    return "I wait for it.", _wait(call, delegate)
            if delegate is not None and turn == 0:
                use = ToolUse(delegate.name, _DELEGATE_ARGUMENTS[delegate.name], namespace=delegate.namespace)
                return "A helper looks first.", use
        return self._move(call, scenario, scenario.move(turn))

    def _move(self, call: ScriptedCall, scenario: Scenario, move: Move) -> tuple[str, ToolUse | None]:
        if takes_blocks(call):
            edits = move in ("edit", "edit_with_background")
            return (search_replace(self._edits) if edits else scenario.final_text), None
        command = self._command(call, scenario, move)
        if command is None:
            return scenario.final_text, None
        if takes_bash_blocks(call):
            return bash_block(command), None
        shell = _tool(call, _SHELLS)
        text = "I will fix it." if move.startswith("edit") else "Looking."
        return text, None if shell is None else _shell_use(shell, command)

    def _command(self, call: ScriptedCall, scenario: Scenario, move: Move) -> str | None:
        """The command line of a move; None where it is text alone."""
        match move:
            case "edit":
                return shell_command(self._edits)
            case "edit_with_background":
                return f"{shell_command(self._edits)}; {_BACKGROUND}"
            case "look":
                return f"echo look {call.turn}; sleep 0.1"
        # mini-swe-agent ends with a command; a model that stopped early does not get to it.
        submits = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT" in call.text and scenario.stop == "end"
        return _SUBMIT if submits and scenario.final_text else None


def input_tokens(size: int, turn: int, has_cache_writes: bool, is_main_call: bool) -> Tokens:
    """Input tokens of a request by its size in bytes: what was sent before is read from the cache."""
    total = max(size // _BYTES_PER_TOKEN, 1)
    if not is_main_call:
        return Tokens(input=total)
    cached = total * 3 // 4 if turn else 0
    written = (total - cached) * 3 // 4 if has_cache_writes else 0
    return Tokens(input=total - cached - written, cached=cached, cache_write=written)


def _is_subtask(call: ScriptedCall) -> bool:
    return any(SUBTASK in prompt for prompt in call.prompts)


def _tool(call: ScriptedCall, names: tuple[str, ...]) -> ToolDefinition | None:
    by_name = {tool.name: tool for tool in call.tools}
    return next((by_name[name] for name in names if name in by_name), None)


def _wait(call: ScriptedCall, delegate: ToolDefinition) -> ToolUse:
    match = _AGENT_ID.search(call.text)
    targets = [] if match is None else [match[1]]
    return ToolUse("wait_agent", {"targets": targets, "timeout_ms": 15_000}, namespace=delegate.namespace)


def _shell_use(shell: ToolDefinition, command: str) -> ToolUse:
    if shell.form == "custom":
        script = f"const r = await tools.exec_command({{cmd: {json.dumps(command)}}}); text(r);"
        is_script = shell.namespace is not None
        return ToolUse(shell.name, {"input": script if is_script else command}, "custom", shell.namespace)
    if shell.form == "local_shell":
        return ToolUse(shell.name, {"command": command}, "local_shell")
    properties = shell.schema.get("properties", {})
    field = "cmd" if "cmd" in properties and "command" not in properties else "command"
    is_list = properties.get(field, {}).get("type") == "array"
    arguments: Json = {field: ["bash", "-lc", command] if is_list else command}
    for name in shell.schema.get("required", []):
        kind = properties.get(name, {}).get("type")
        arguments.setdefault(name, _FILLERS.get(kind, "fix the bug"))
    return ToolUse(shell.name, arguments, namespace=shell.namespace)
