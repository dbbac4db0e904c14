"""What each real program does in each scenario: how its candidate must end, and what may be charged for it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Agent:
    """A program as a toolchain of a bench."""

    program: str
    """Its name for the installer."""
    toolchain: str
    model: str
    provider: str


@dataclass(frozen=True)
class Expected:
    """The outcome of a bench of one candidate."""

    status: str
    error_class: str | None = None
    fail_code: str | None = None
    is_exact: bool = True
    """Whether the charge is what was served; else no less, because a provider was silent about a part of it."""


AGENTS: Final = {
    each.program: each
    for each in (
        Agent("claude", "claude", "claude-sonnet-4-5", "anthropic"),
        Agent("codex", "codex", "gpt-5.2-codex", "openai"),
        Agent("opencode", "opencode", "anthropic/claude-sonnet-4-5", "anthropic"),
        Agent("aider", "aider", "openai/gpt-5-mini", "openai"),
        Agent("mini", "mini-swe-agent", "openai/gpt-5-mini", "openai"),
        Agent("pi", "pi", "anthropic/claude-sonnet-4-5", "anthropic"),
        Agent("gemini", "gemini", "gemini-2.5-pro", "gemini"),
        Agent("qwen", "qwen", "qwen3-coder-plus", "qwen"),
        Agent("copilot", "copilot", "gpt-5-mini", "openai"),
    )
}
_FIXED: Final = Expected("success")
_FIXED_AT_A_BOUND: Final = Expected("success", is_exact=False)
_CAPPED: Final = Expected("error", "killed_by_cap", is_exact=False)
SCENARIOS: Final = {
    "success": _FIXED,
    "subagent": _FIXED,
    "background": _FIXED,
    "rate_limit_twice": _FIXED,
    "error_event_once": _FIXED_AT_A_BOUND,
    "reset_once": _FIXED_AT_A_BOUND,
    "truncated_once": _FIXED_AT_A_BOUND,
    "stall_once": _FIXED_AT_A_BOUND,
    "no_usage": _FIXED_AT_A_BOUND,
    "overflow": Expected("failed", fail_code="context_overflow"),
    "refusal": Expected("failed", fail_code="refused"),
    "empty": Expected("failed"),
    "liar": Expected("failed"),
    "cut_off": Expected("failed"),
    "loop": _CAPPED,
}
"""By scenario of the scripted server, for every program that `DIFFERENT` does not name."""
DIFFERENT: Final[dict[tuple[str, str], Expected | None]] = {
    ("aider", "background"): None,  # it runs no commands
    ("aider", "loop"): None,  # it asks its model once
    ("aider", "subagent"): None,
    ("mini", "subagent"): None,
    ("pi", "subagent"): None,
}
"""By program and scenario; None where the program has no such thing."""
OUTAGES: Final = ("overloaded", "unauthorized", "quota")
"""Scenarios in which every call fails: nothing is charged, and the toolchain's class is paused."""
CI_AGENTS: Final = ("claude", "codex", "mini")
CI_SCENARIOS: Final = ("success", "loop", "overloaded")


def expectations() -> dict[tuple[str, str], Expected]:
    """The expected outcome by program and scenario."""
    table = {}
    for program in AGENTS:
        for scenario, usual in SCENARIOS.items():
            expected = DIFFERENT.get((program, scenario), usual)
            if expected is not None:
                table[program, scenario] = expected
    return table
