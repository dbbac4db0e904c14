"""The epoch of a bench: rules that outcomes depend on change it, sampling and caps do not."""

from typing import Any

import pytest

from bench.config.models import BenchConfig
from bench.submit.epoch import bench_stability, stability
from planner.dataset.epochs import epoch_of

GATE = {"name": "test", "command": "pytest -q"}
CLAUDE = {"name": "claude", "model": "sonnet"}
BASE: dict[str, Any] = {"workcell": {"repo": "/repo", "gates": [GATE], "toolchains": [CLAUDE]}}


def epoch(prompt: str = "prompt", **changes: Any) -> str:
    """The epoch of a bench whose config is `BASE` with `changes`."""
    return epoch_of(bench_stability(BenchConfig.model_validate({**BASE, **changes}), prompt))


def workcell(**changes: Any) -> dict[str, Any]:
    return {"workcell": {**BASE["workcell"], **changes}}


@pytest.mark.parametrize(
    "changes",
    [
        {"execution_limits": {"max_usd": 5, "max_usd_per_issue": 1, "max_executions": 9, "max_retries": 3}},
        {"execution_limits": {"max_total_minutes_per_issue": 90, "max_minutes": 1000}},
        {"action_sampling": {"K": 9, "seed": 7, "strategy": "anchor", "replicates": 3}},
        {"issue_selection": {"seed": 9, "sample_size": 3, "slice": "all"}},
        {"output": {"directory": "elsewhere"}},
        workcell(repo="/other", base="main"),
        workcell(rates={"max_usd_per_candidate": 3}),
        workcell(seconds_per_minute=60),
    ],
)
def test_sampling_selection_and_caps_are_not_part_of_it(changes: dict[str, Any]) -> None:
    assert epoch(**changes) == epoch()


@pytest.mark.parametrize(
    "changes",
    [
        workcell(gates=[{**GATE, "command": "pytest -x"}]),
        workcell(toolchains=[{**CLAUDE, "model": "opus"}]),
        workcell(toolchains=[{**CLAUDE, "provider": "openai"}]),
        workcell(toolchains=[{**CLAUDE, "base_url": "https://example.org"}]),
        workcell(toolchains=[{**CLAUDE, "limit_minutes": 5}]),
        workcell(protected_paths=["tests/**"]),
        workcell(flaky_reruns=2),
        workcell(image="registry.example/python:3.12"),
        workcell(seconds_per_minute=6),
        workcell(rates={"usd_per_minute": 0.5}),
        {"routing": [{"match": {"dk_risk": "high"}, "use": ["claude"]}]},
        {"execution_limits": {"timeout_behavior": "skip"}},
        {"execution_limits": {"max_minutes_per_candidate": 30}},
        {"winner_selection": {"primary_objective": "minimize_cost"}},
    ],
)
def test_rules_are_part_of_it(changes: dict[str, Any]) -> None:
    assert epoch(**changes) != epoch()


def test_the_prompt_is_part_of_it() -> None:
    assert epoch("another prompt") != epoch()


def test_a_bench_and_a_stream_of_one_config_share_it() -> None:
    assert epoch() == epoch_of(stability(BenchConfig.model_validate(BASE), "prompt"))
