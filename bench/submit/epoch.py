"""Policy epochs: runs of one epoch had the same decision rules, gates, toolchains and prompt."""

from dataclasses import asdict
from typing import Any, Final

from bench.config.models import BenchConfig, ExecutionLimits, WinnerSelectionConfig
from bench.submit.inputs import UNIVERSE_ID
from planner.canonical import sha256_json
from workers.spec import Rates, Workcell

Json = dict[str, Any]
_OF_TOOLCHAINS: Final = ("name", "argv", "model", "limit_minutes", "max_turns")
_OF_TOOLCHAINS_WHERE_SET: Final = ("provider", "base_url")
_OF_WORKCELLS: Final = (
    "gates",
    "protected_paths",
    "default_candidates",
    "default_iterations",
    "flaky_reruns",
)
_TIMEOUTS: Final = ExecutionLimits().timeout_behavior
_MINUTE: Final[float] = Workcell.model_fields["seconds_per_minute"].default


def stability(config: BenchConfig, prompt: Any) -> Json:
    """The `stability` block of a policy trace: three SHA-256 hashes that identify the policy epoch.

    The kernel config has routing, exploration and attempts, the planner's caps, gates and control, and the
    toolchains with their limits, models and providers. Caps on cost and concurrency are not part of it, nor is the
    rollout mode of the planner: a model that was trained on runs in shadow mode may decide in the same epoch. `prompt`
    is that of `bench.submit.prompts.prompt_frontier`.
    """
    return _hashes(_kernel(config), prompt)


def bench_stability(config: BenchConfig, prompt: Any) -> Json:
    """The same of a bench, with the rules that give its outcomes and labels their meaning.

    Those are the winner rule, the length of a minute, the limit of an action without a budget, the price of a minute,
    and whether a timeout is an outcome; each is part of the hash only where it is not the default, so that a bench
    and a stream of one config share an epoch. Sampling (strategy, K, seed, replicates), selection of issues, and caps
    are not part of it.
    """
    meaning = _meaning(config)
    kernel = _kernel(config)
    return _hashes({**kernel, "meaning": meaning} if meaning else kernel, prompt)


def _hashes(kernel: Json, prompt: Any) -> Json:
    return {
        "kernel_config_hash": sha256_json(kernel),
        "universe_hash": sha256_json(UNIVERSE_ID),
        "prompt_frontier_hash": sha256_json(prompt),
    }


def _kernel(config: BenchConfig) -> Json:
    workcell = config.workcell.model_dump(mode="json")
    image = {"image": config.workcell.image} if config.workcell.image else {}
    return {
        "routing": [rule.model_dump(mode="json") for rule in config.routing],
        "stream": config.stream.model_dump(mode="json", include={"max_attempts", "exploration"}),
        "caps": asdict(config.planner_config.safety),
        "workcell": {key: workcell[key] for key in _OF_WORKCELLS} | image,
        "toolchains": [_toolchain(toolchain) for toolchain in workcell["toolchains"] or []],
    }


def _toolchain(toolchain: Json) -> Json:
    # A toolchain is written without a later key that is not set, and so keeps its hash.
    later = {key: toolchain[key] for key in _OF_TOOLCHAINS_WHERE_SET if toolchain.get(key) is not None}
    return {**{key: toolchain[key] for key in _OF_TOOLCHAINS}, **later}


def _meaning(config: BenchConfig) -> Json:
    limits, workcell = config.execution_limits, config.workcell
    meaning: Json = {}
    if config.winner_selection != WinnerSelectionConfig():
        meaning["winner_selection"] = config.winner_selection.model_dump(mode="json")
    if limits.timeout_behavior != _TIMEOUTS:
        meaning["timeout_behavior"] = limits.timeout_behavior
    if limits.max_minutes_per_candidate is not None:
        meaning["max_minutes_per_candidate"] = limits.max_minutes_per_candidate
    if workcell.seconds_per_minute not in (None, _MINUTE):
        meaning["seconds_per_minute"] = workcell.seconds_per_minute
    price = Rates().usd_per_minute if workcell.rates is None else workcell.rates.usd_per_minute
    if price != Rates().usd_per_minute:
        meaning["usd_per_minute"] = price
    return meaning
