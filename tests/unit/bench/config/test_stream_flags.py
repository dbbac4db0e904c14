"""Flags of `bench run` over a config."""

from pathlib import Path
from typing import Any

import pytest

from bench.config.errors import ConfigError
from bench.config.load import apply_stream_flags, load_config
from bench.config.models import BenchConfig
from planner.host.config import read_planner_config


def _with(planner: dict[str, Any] | None = None, **flags: Any) -> BenchConfig:
    config = BenchConfig() if planner is None else BenchConfig(planner=planner)
    return apply_stream_flags(config, **flags)


def test_without_flags_the_config_stays_as_it_is() -> None:
    config = BenchConfig(planner={"model": {"path": "b"}, "flags": {"reductions_only": True}})
    assert apply_stream_flags(config, slice=None, planner_mode=None, max_usd=None) == config


def test_naming_a_model_enables_it_and_keeps_what_the_file_says_beside() -> None:
    block = {"enabled": False, "model": {"path": "old"}, "inference": {"timeout_ms": 20}}
    planner = _with(block, planner_model="/bundle", confidence_threshold=0.4).planner_config
    assert (planner.enabled, planner.model.path) == (True, "/bundle")
    assert (planner.inference.timeout_ms, planner.inference.confidence_threshold) == (20, 0.4)


@pytest.mark.parametrize(
    ("mode", "rollout"), [("enabled", "enforce"), ("shadow", "log"), ("disabled", "off")]
)
def test_the_mode_wins_over_the_file_and_over_naming_a_model(mode: str, rollout: str) -> None:
    block = {"enabled": True, "model": {"path": "b"}, "flags": {"shadow_mode": mode != "shadow"}}
    for model in (None, "/bundle"):
        assert _with(block, planner_model=model, planner_mode=mode).planner_config.rollout.mode == rollout


def test_slice_money_and_workcells_go_where_the_file_has_them() -> None:
    config = _with(slice="critical", max_usd=3.5, max_concurrent_workcells=7)
    assert config.issue_selection.slice == "critical"
    assert config.execution_limits.max_usd == 3.5
    assert config.stream.max_concurrent_workcells == 7


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"confidence_threshold": float("nan")}, "planner.inference.confidence_threshold"),
        ({"planner_mode": "enabled"}, "planner.model.path"),
        ({"max_usd": float("inf")}, "execution_limits.max_usd"),
    ],
)
def test_rubbish_is_refused_in_one_line_that_names_the_key(flags: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as raised:
        _with(**flags)
    assert str(raised.value).startswith(named)
    assert "\n" not in str(raised.value)


def test_a_model_in_a_file_is_meant_from_that_file_and_one_in_a_flag_from_here(tmp_path: Path) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text("planner: {model: {path: models/bundle}}")
    config = load_config(file)
    assert config.planner_config.model.path == str(tmp_path / "models/bundle")
    named = apply_stream_flags(config, planner_model="bundle").planner_config.model.path
    assert named == str(Path.cwd() / "bundle")
    assert read_planner_config(config.planner).enabled


@pytest.mark.parametrize(("text", "mode"), [("off", "off"), ("dry", "dry"), ("on", "on"), ('"on"', "on")])
def test_whether_results_are_written_back_is_a_word_of_the_file_or_of_the_flag(
    tmp_path: Path, text: str, mode: str
) -> None:
    file = tmp_path / "bench.yaml"
    file.write_text(f"stream: {{report: {text}}}")
    assert load_config(file).stream.report == mode
    assert apply_stream_flags(load_config(file), report="dry").stream.report == "dry"
    file.write_text("stream: {report: 1}")
    with pytest.raises(ConfigError, match=r"stream\.report: .*off"):
        load_config(file)


def test_a_stream_that_writes_nothing_back_keeps_the_document_that_earlier_versions_stored() -> None:
    assert not {"report", "report_closes"} & BenchConfig().stream_document()["stream"].keys()
    assert "stream" not in BenchConfig(stream={"report": "on"}).document()
    document = BenchConfig(stream={"report": "on"}).stream_document()["stream"]
    assert (document["report"], "report_closes" in document) == ("on", False)
