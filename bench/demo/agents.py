"""The demo with a real agent and no key: mini-swe-agent works on replayed answers of a model."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import Field

from planner.system.atomic import write_atomic
from workers.spec import Strict

REPLAYS: Final = "replays"
_FILE: Final = ("corpus_data", "agents.yaml")
_OVERHEAD_TOKENS: Final = 1_800
"""Of the agent's own instructions and tools."""
_TOKENS_AN_ANSWER: Final = 420


class ModelTurn(Strict):
    """One answer of the model."""

    thought: str
    command: str


class ModelAnswers(Strict):
    """All answers of the demo's model: by issue, candidate and turn."""

    model: str
    issues: dict[str, dict[int, tuple[ModelTurn, ...]]] = Field(min_length=1)


@cache
def model_answers() -> ModelAnswers:
    """The answers that ship with the demo."""
    text = files("bench.demo").joinpath(*_FILE).read_text("utf-8")
    return ModelAnswers.model_validate(yaml.safe_load(text))


def agent_config(config: dict[str, Any]) -> dict[str, Any]:
    """The demo's bench config with the agent as its toolchain, in real minutes and with money set aside."""
    answers = model_answers()
    toolchain = {"name": "mini-swe-agent", "model": f"openai/{answers.model}"}
    workcell = {
        **config["workcell"],
        "toolchains": [toolchain],
        "seconds_per_minute": 60.0,
        "rates": {"usd_per_minute": 0.01, "max_usd_per_candidate": 0.25},
    }
    selection = {**config["issue_selection"], "slice": "all"}
    return {**config, "issue_selection": selection, "workcell": workcell}


def write_replays(directory: Path) -> list[str]:
    """Write a transcript for each candidate of each issue; returns the ids of the issues."""
    directory.mkdir(parents=True, exist_ok=True)
    answers = model_answers()
    for issue, by_candidate in answers.issues.items():
        for candidate, turns in by_candidate.items():
            name = f"{issue}.jsonl" if candidate == 0 else f"{issue}-{candidate}.jsonl"
            lines = [
                json.dumps(_call(answers.model, number, turn), ensure_ascii=False)
                for number, turn in enumerate(turns)
            ]
            write_atomic(directory / name, "\n".join(lines) + "\n")
    return list(answers.issues)


def _call(model: str, number: int, turn: ModelTurn) -> dict[str, Any]:
    """A recorded call: what a request is matched by, and the provider's response."""
    function = {"name": "bash", "arguments": json.dumps({"command": turn.command})}
    message = {
        "role": "assistant",
        "content": turn.thought,
        "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}],
    }
    output = len(turn.thought + turn.command) // 4 + 20
    cached = number and _OVERHEAD_TOKENS + (number - 1) * _TOKENS_AN_ANSWER
    given = _OVERHEAD_TOKENS + number * _TOKENS_AN_ANSWER
    usage = {
        "prompt_tokens": given,
        "completion_tokens": output,
        "total_tokens": given + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    response = {
        "id": f"chatcmpl-demo-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": None}],
        "usage": usage,
    }
    history: list[dict[str, Any]] = [{}] * (2 + 2 * number)
    return {
        "n": number,
        "kind": "chat",
        "provider": "openai",
        "dialect": "openai",
        "path": "/chat/completions",
        "model": model,
        "stream": False,
        "request": {"messages": history, "tools": [{}]},
        "status": 200,
        "content_type": "application/json",
        "events": None,
        "response": response,
    }
