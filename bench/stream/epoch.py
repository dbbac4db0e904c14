"""Policy epochs: runs of one epoch had the same decision rules, gates, toolchains and prompt."""

from dataclasses import asdict
from typing import Any, Final

from bench.config.models import BenchConfig
from bench.submit.inputs import UNIVERSE_ID
from planner.canonical import sha256_json

_OF_TOOLCHAINS: Final = ("name", "argv", "model", "limit_minutes", "max_turns")
_OF_WORKCELLS: Final = (
    "gates",
    "protected_paths",
    "default_candidates",
    "default_iterations",
    "flaky_reruns",
)


def stability(config: BenchConfig, prompt_text: str) -> dict[str, Any]:
    """The `stability` block of a policy trace: three SHA-256 hashes that identify the policy epoch.

    The kernel config has routing, exploration and attempts, the planner's caps, gates and control, and the
    toolchains with their limits and models. Caps on cost and concurrency are not part of it, nor is the rollout mode
    of the planner: a model that was trained on runs in shadow mode may decide in the same epoch.
    """
    workcell = config.workcell.model_dump(mode="json")
    stream = config.stream.model_dump(mode="json", include={"max_attempts", "exploration"})
    kernel = {
        "routing": [rule.model_dump(mode="json") for rule in config.routing],
        "stream": stream,
        "caps": asdict(config.planner_config.safety),
        "workcell": {key: workcell[key] for key in _OF_WORKCELLS},
        "toolchains": [
            {key: toolchain[key] for key in _OF_TOOLCHAINS} for toolchain in workcell["toolchains"] or []
        ],
    }
    return {
        "kernel_config_hash": sha256_json(kernel),
        "universe_hash": sha256_json(UNIVERSE_ID),
        "prompt_frontier_hash": sha256_json(prompt_text),
    }
