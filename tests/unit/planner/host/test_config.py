"""The config block `planner:`."""

from pathlib import Path
from typing import Any

import pytest

from planner.errors import PlannerError
from planner.host.caps import Caps
from planner.host.config import (
    InferenceConfig,
    ModelConfig,
    PlannerConfig,
    planner_config,
    read_planner_config,
)
from planner.inference import PlannerInference

WHOLE = {
    "enabled": True,
    "model": {"path": "bundle", "type": "onnx", "fallback": "heuristic"},
    "inference": {"confidence_threshold": 0.7, "use_calibration": False, "timeout_ms": 50},
    "safety": {"max_candidates_cap": 2, "max_minutes_cap": 60, "max_iterations_cap": 3},
    "flags": {
        "shadow_mode": True,
        "force_swarm": "serial_handoff",
        "enabled_job_types": ["code"],
        "enabled_risks": ["low", "medium"],
        "reductions_only": True,
    },
}


def test_every_key_of_the_block_arrives() -> None:
    config = read_planner_config(WHOLE)
    assert config.model == ModelConfig("bundle")
    assert config.inference == InferenceConfig(0.7, False, 50)
    assert config.safety == Caps(2, 60, 3)
    rollout = config.rollout
    assert (rollout.mode, rollout.job_types, rollout.risks) == ("log", ("code",), ("low", "medium"))
    assert (rollout.reductions_only, rollout.force_swarm) == (True, "serial_handoff")


def test_absent_keys_have_the_documented_defaults() -> None:
    config = read_planner_config({"model": {"path": "bundle"}})
    assert config == PlannerConfig(model=ModelConfig("bundle"))
    assert (config.inference.confidence_threshold, config.inference.timeout_ms) == (0.6, 100)
    assert config.safety == Caps(5, 120, 10)
    assert config.rollout.mode == "enforce"


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ([], "planner: [] is not allowed; it must be a mapping of keys to values"),
        ({"modle": {}}, "planner: unknown key 'modle'; known: enabled, model, inference, safety, flags"),
        ({"enabled": "yes"}, "planner.enabled: 'yes' is not allowed; it must be true or false"),
        ({"model": {}}, "planner.model.path: a model of type onnx needs a path"),
        ({"model": {"path": 3}}, "planner.model.path: 3 is not allowed; it must be a text"),
        (
            {"model": {"type": "jax"}},
            "planner.model.type: 'jax' is not allowed; it must be onnx or torch or heuristic",
        ),
        (
            {"inference": {"confidence_threshold": float("nan")}},
            "planner.inference.confidence_threshold: nan is not allowed; it must be a number from 0 to 1",
        ),
        (
            {"inference": {"timeout_ms": True}},
            "planner.inference.timeout_ms: True is not allowed; it must be a number from 1 to 60000",
        ),
        (
            {"safety": {"max_minutes_cap": 10}},
            "planner.safety.max_minutes_cap: 10 is not allowed; it must be a whole number of at least 15, "
            "the smallest of its bins",
        ),
        (
            {"flags": {"enabled_job_types": "code"}},
            "planner.flags.enabled_job_types: 'code' is not allowed; it must be a list of code, fab-asset, fab-world",
        ),
        (
            {"flags": {"force_swarm": ["x"]}},
            "planner.flags.force_swarm: ['x'] is not allowed; it must be serial_handoff or speculate_vote",
        ),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_its_path_and_what_is_allowed(block: Any, line: str) -> None:
    with pytest.raises(PlannerError) as raised:
        read_planner_config(block)
    assert str(raised.value) == line


def test_a_planner_that_is_off_or_heuristic_needs_no_path() -> None:
    assert read_planner_config({"enabled": False}).rollout.mode == "off"
    assert read_planner_config({"model": {"type": "heuristic"}}).model.path is None


@pytest.mark.parametrize("mode", ["off", "log", "enforce"])
def test_a_mode_is_enabled_and_shadow_mode_in_one_word(mode: str) -> None:
    block = {"mode": False if mode == "off" else mode, "model": {"type": "heuristic"}}
    assert read_planner_config(block).rollout.mode == mode


def test_inference_settings_may_name_the_model() -> None:
    alone = InferenceConfig(
        model_path=Path("bundle"), model_type="torch", fallback="heuristic", timeout_ms=50
    )
    whole = PlannerConfig(model=ModelConfig("bundle", "torch"), inference=InferenceConfig(timeout_ms=50))
    assert planner_config(alone) == PlannerConfig(inference=alone) == whole
    settings = {"model_path": "bundle", "model_type": "torch", "fallback": "heuristic", "timeout_ms": 50}
    assert read_planner_config({"inference": settings}) == whole
    assert read_planner_config({"model": {"path": "bundle"}, "inference": settings}) == whole


def test_inference_settings_alone_make_a_planner() -> None:
    heuristic = PlannerInference(
        InferenceConfig(model_type="heuristic", confidence_threshold=0, timeout_ms=20_000)
    )
    action = heuristic.predict({"id": "depot-7", "dk_risk": "critical", "dk_size": "L"})
    assert (action.swarm_id, action.max_candidates_bin) == ("speculate_vote", 3)
    assert (action.max_minutes_bin, action.max_iterations_bin) == (60, "NA")
    assert action.to_dict() == action.document()
    missing = PlannerInference(InferenceConfig(model_path="/nowhere/bundle"))
    assert missing.predict({"id": "depot-7"}).reason == "model_unavailable"


@pytest.mark.parametrize(
    ("config", "line"),
    [
        (lambda: PlannerInference(InferenceConfig()), "model_path: a model of type onnx needs a path"),
        (
            lambda: planner_config(InferenceConfig(model_type="torch")),
            "model_path: a model of type torch needs a path",
        ),
        (
            lambda: planner_config(InferenceConfig(model_path="b", model_type="jax")),  # type: ignore[arg-type]
            "planner.model.type: 'jax' is not allowed; it must be onnx or torch or heuristic",
        ),
        (
            lambda: planner_config(InferenceConfig(model_path="b", fallback="none")),  # type: ignore[arg-type]
            "planner.model.fallback: 'none' is not allowed; it must be heuristic",
        ),
        (
            lambda: PlannerConfig(model=ModelConfig("a"), inference=InferenceConfig(model_path="b")),
            "planner.inference.model_path: 'b' contradicts planner.model.path: 'a'; leave one of them out",
        ),
        (
            lambda: read_planner_config(
                {"model": {"path": "a", "type": "onnx"}, "inference": {"model_type": "torch"}}
            ),
            "planner.inference.model_type: 'torch' contradicts planner.model.type: 'onnx'; leave one of them out",
        ),
        (
            lambda: read_planner_config({"mode": "log", "flags": {"shadow_mode": False}}),
            "planner.mode: log contradicts planner.flags.shadow_mode: False; leave one of them out",
        ),
        (
            lambda: read_planner_config({"mode": "shadow"}),
            "planner.mode: 'shadow' is not allowed; it must be off or log or enforce",
        ),
    ],
)
def test_a_wrong_combination_is_refused_in_one_line(config: Any, line: str) -> None:
    with pytest.raises(PlannerError) as raised:
        config()
    assert str(raised.value) == line
