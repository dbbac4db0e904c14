"""References to every toolchain, as a config would make them."""

from typing import Any

from workers.spec import ToolchainRef

MODELS = {
    "command": None,
    "repair": None,
    "claude": "claude-haiku-4-5",
    "codex": "gpt-5",
    "opencode": "anthropic/claude-haiku-4-5",
    "aider": "anthropic/claude-haiku-4-5",
    "mini-swe-agent": "anthropic/claude-haiku-4-5",
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
