"""The two streams of stage A, and where they may be run."""

from pathlib import Path

import pytest

from bench.cli.main import main
from bench.config.load import load_config
from bench.config.models import BenchConfig
from bench.config.routing import first_match
from bench.demo.backlog import backlog
from bench.demo.corpus import build_corpus
from bench.intake.issue import Issue
from bench.loop.stage import TAUGHT, UNSEEN, stage_config
from bench.stream.audit import MIN_AGREEMENT, MIN_EXAMPLES
from planner.cli.training import train


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> BenchConfig:
    demo = load_config(build_corpus(tmp_path_factory.mktemp("demo")).config_file)
    return BenchConfig.model_validate(stage_config(demo), strict=True)


def test_no_issue_is_in_both_streams_and_none_is_left_out(config: BenchConfig) -> None:
    taught, unseen = (config.slices[name]["id"] for name in (TAUGHT, UNSEEN))
    assert set(taught).isdisjoint(unseen)
    assert {*taught, *unseen} == {issue.id for issue in backlog() if issue.bug}
    assert len(taught) > len(unseen) > 5


def test_every_risk_is_in_both_streams(config: BenchConfig) -> None:
    risks = {issue.id: issue.risk for issue in backlog()}
    for name in (TAUGHT, UNSEEN):
        assert {risks[issue_id] for issue_id in config.slices[name]["id"]} == {
            "low",
            "medium",
            "high",
            "critical",
        }


def test_risky_work_is_routed_into_lane_b(config: BenchConfig) -> None:
    rule = first_match(config.routing, Issue(id="i", dk_risk="high", dk_size="L"))
    assert rule is not None
    assert (rule.speculate, rule.parallelism) == (True, 2)
    assert first_match(config.routing, Issue(id="i", dk_risk="critical", dk_size="L")) is None


def test_nothing_is_built_over_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "bench.yaml"
    mine.write_text("mine")
    assert main(["stage-a", str(tmp_path)]) == 2
    assert capsys.readouterr().err.strip().endswith("is not empty and not a demo's; name another directory")
    assert list(tmp_path.iterdir()) == [mine]
    assert mine.read_text() == "mine"


def test_an_audit_asks_for_what_training_asks_for() -> None:
    asked = {option.name: option.default for option in train.params}
    assert (asked["min_examples"], asked["min_agreement"]) == (MIN_EXAMPLES, MIN_AGREEMENT)
