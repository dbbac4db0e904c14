"""References to every toolchain, as a config would make them."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.sandbox.process import EndedBy
from workers.spec import ToolchainRef
from workers.toolchains.base import Finished, Report, RoundContext
from workers.toolchains.registry import get_toolchain

RECORDED = Path(__file__).resolve().parents[2] / "data" / "recorded"

MODELS = {
    "command": None,
    "repair": None,
    "claude": "claude-haiku-4-5",
    "codex": "gpt-5",
    "opencode": "anthropic/claude-haiku-4-5",
    "aider": "anthropic/claude-haiku-4-5",
    "mini-swe-agent": "anthropic/claude-haiku-4-5",
    "pi": "anthropic/claude-haiku-4-5",
    "gemini": "gemini/gemini-2.5-pro",
    "qwen": "openai/gpt-5",
    "copilot": "anthropic/claude-haiku-4-5",
    "acp": "claude-haiku-4-5",
}


def ref_of(name: str, **changes: Any) -> ToolchainRef:
    """A reference whose program is told how to behave by STAND_IN."""
    fields: dict[str, Any] = {"name": name, "model": MODELS[name], "env": ["STAND_IN"]}
    if name == "command":
        fields |= {"argv": ["agent"], "network": True}
    if name == "acp":
        fields |= {"argv": ["acp-agent"]}
    return ToolchainRef(**(fields | changes))


@dataclass(frozen=True)
class Served:
    """What was served to a recorded program, and how it ended."""

    exit_code: int | None
    """None where it was killed."""
    served_micro_usd: int
    tokens_in: int = 0
    tokens_out: int = 0


def recordings(program: str) -> dict[str, Served]:
    """The recordings of a program by file name."""
    served = json.loads((RECORDED / program / "served.json").read_text())
    return {name: Served(**facts) for name, facts in served.items()}


def recorded_report(
    context: RoundContext, program: str, name: str, exit_code: int | None, ended_by: EndedBy = "budget"
) -> Report:
    """The adapter's report of a recording, with the files that the program left; a killed one ended by `ended_by`."""
    shutil.copy(RECORDED / program / name, context.out / "stdout")
    for suffix, left in ((".events.jsonl", "aider-events.jsonl"), (".stderr", "stderr")):
        if (file := RECORDED / program / f"{name}{suffix}").exists():
            shutil.copy(file, context.out / left)
    if (left_below := RECORDED / program / f"{name}.out").exists():
        shutil.copytree(left_below, context.out, dirs_exist_ok=True)
    toolchain, stdout = get_toolchain(program), context.out / "stdout"
    if exit_code is not None:
        ended_by = "exit"
    elif toolchain.result_count(context, stdout) is not None:
        ended_by = "result"
    return toolchain.report(context, Finished(exit_code, stdout, context.out / "stderr", ended_by, 1))
