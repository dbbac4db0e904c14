"""A stream with a real bundle, a real database and a real worker: what it records, and that no model stops it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from bench.config.models import BenchConfig
from bench.intake.issue import Issue
from bench.stream.board import Board
from bench.stream.open import open_stream
from bench.stream.scheduler import Scheduler
from bench.stream.state import StoredStreamState
from bench.stream.view import queue_view
from db.repositories.streams import Streams
from planner.inference import PlannerInference
from tests.fixtures.fleet import Fleet, fleet
from tests.fixtures.rows import store_issues
from tests.fixtures.stand_in_models import SURE, HeadsModel, Latch, planner_with
from workers.testing import file_gate

Json = dict[str, Any]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SURE_AND_PATIENT = {"confidence_threshold": 0, "timeout_ms": 60_000}
_AGENT = "from pathlib import Path; Path('fixed.txt').write_text('agent')"


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A git repository of one commit: its path and the commit."""
    path = tmp_path_factory.mktemp("modes") / "repo"
    path.mkdir()
    (path / "readme.txt").write_text("nothing to see\n")
    person = {f"GIT_{role}_{part}": "a@b" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    env = {**os.environ, **person, "GIT_CONFIG_GLOBAL": "/dev/null"}
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *arguments], cwd=path, env=env, check=True)
    return str(path), "main"


@pytest.fixture
def workcell(repository: tuple[str, str]) -> Json:
    repo, base = repository
    return {
        "repo": repo,
        "base": base,
        "gates": [file_gate("fixed.txt").model_dump(mode="json")],
        "toolchains": [{"name": "command", "argv": [sys.executable, "-I", "-S", "-c", _AGENT]}],
    }


class Flow:
    """One database in which stream follows stream, each over issues of its own."""

    def __init__(self, engine: sa.Engine, workcell: Json) -> None:
        self.engine, self.workcell = engine, workcell

    def step(self, name: str, inference: PlannerInference, planner: Json) -> tuple[list[str], Json]:
        """One step over three new issues; the policies that decided, and how `bench queue` tells it."""
        issues = [Issue(id=f"{name}-{n}", dk_risk="low", dk_size="S") for n in range(3)]
        store_issues(self.engine, "test", [issue.document() for issue in issues])
        config = BenchConfig(
            workcell=self.workcell,
            planner=planner,
            stream={"max_concurrent_workcells": 100},
        )
        bench_id, new = open_stream(self.engine, config, NOW)
        assert new
        running, past = Streams(self.engine).snapshot()
        board = Board(config.stream.max_attempts)
        board.add_finished(past)
        state = StoredStreamState(self.engine, bench_id, config, None)
        mine = {issue.id for issue in issues}
        scheduler = Scheduler(state, board, config, inference, {}, lambda issue: issue.id in mine, running)
        report = scheduler.step(datetime.now(UTC))
        assert {one.issue_id for one in report.started} == mine
        view = queue_view(self.engine, config, datetime.now(UTC))
        return [run["policy"] for run in view["running"] if run["issue_id"] in mine], view["decisions"]


def test_no_model_stops_a_stream_and_its_queue_counts_why_the_model_did_not_decide(
    engine: sa.Engine, workcell: Json, small_bundle: Path, tmp_path: Path
) -> None:
    flow, heuristics = Flow(engine, workcell), ["heuristic_baseline"] * 3
    broken = tmp_path / "broken"
    shutil.copytree(small_bundle, broken)
    (broken / "model.onnx").write_bytes(b"no model")
    expected = {
        "missing": (tmp_path / "nowhere", None, "model_unavailable"),
        "broken": (broken, None, "model_unavailable"),
        "other": (small_bundle, "another epoch", "epoch_mismatch"),
    }
    for name, (path, epoch, reason) in expected.items():
        planner = {"model": {"path": str(path)}, "inference": {"confidence_threshold": 0.0 if epoch else 0.1}}
        inference = PlannerInference(BenchConfig(planner=planner).planner_config, epoch=epoch)
        policies, told = flow.step(name, inference, planner)
        assert policies == heuristics
        assert (told["fallback_rate"], told["agreement"], told["reasons"]) == (1.0, None, {reason: 3})
    latch = Latch()
    hanging: Json = {"model": {"path": "hangs"}, "inference": {"timeout_ms": 20}}
    slow = planner_with(HeadsModel(SURE, latch), BenchConfig(planner=hanging).planner_config)
    policies, told = flow.step("slow", slow, hanging)
    latch.opened.set()
    assert policies == heuristics
    assert (told["fallback_rate"], told["reasons"]) == (1.0, {"inference_timeout": 3})
    sound: Json = {"model": {"path": str(small_bundle)}, "inference": SURE_AND_PATIENT}
    policies, told = flow.step("sound", PlannerInference(BenchConfig(planner=sound).planner_config), sound)
    assert len({*policies, *heuristics}) == 2
    assert (told["decisions"], told["fallback_rate"], told["agreement"]) == (3, 0.0, 1.0)


@pytest.fixture
def farm(tmp_path: Path, database_url: str, broker_url: str, repository: tuple[str, str]) -> Iterator[Fleet]:
    with fleet(tmp_path, database_url, broker_url, repository) as one:
        yield one


@pytest.mark.slow
def test_prediction_and_what_ran_are_in_the_archive_in_shadow_mode_and_the_same_once_enforced(
    farm: Fleet, workcell: Json, small_bundle: Path, tmp_path: Path
) -> None:
    config = tmp_path / "stream.yaml"
    planner = {"model": {"path": str(small_bundle)}, "inference": SURE_AND_PATIENT}
    config.write_text(yaml.safe_dump({"workcell": workcell, "planner": planner}))
    farm.worker(slots=1)
    shadow = _archived(farm, config, "shadow")
    assert shadow["policy_trace"]["policy_mode"] == "log"
    assert shadow["policy_trace"]["policy_id"] == "heuristic_baseline"
    assert shadow["executed_plan"]["swarm_id_executed"] == "serial_handoff"
    assert _minutes(shadow) == 15
    assert shadow["planner_action"]["abstain_to_default"] is False
    predicted = shadow["planner_action"]["budgets"]["max_minutes_bin"]
    enforced = _archived(farm, config, "enabled")
    assert enforced["policy_trace"]["policy_mode"] == "enforce"
    assert enforced["policy_trace"]["policy_id"].startswith("bundle:")
    assert predicted != 15, "an untrained network happens to agree: take another seed"
    assert enforced["planner_action"]["budgets"]["max_minutes_bin"] == _minutes(enforced)
    assert enforced["planner_action"]["swarm_id"] == enforced["executed_plan"]["swarm_id_executed"]
    queue = farm.command("queue", "--config", str(config), "--json")
    assert queue.process.wait(60) == 0
    assert '"agreement": 1.0' in queue.log.read_text()


def _archived(farm: Fleet, config: Path, mode: str) -> Json:
    """The planner block of all archives of a stream in `mode` over one new issue of low risk and size XS."""
    issue = Issue(id=mode, dk_risk="low", dk_size="XS")
    store_issues(farm.engine, "test", [issue.document()])
    stream = farm.command("run", "--once", "--config", str(config), "--planner-mode", mode)
    assert stream.process.wait(120) == 0, farm.story()
    found = [
        {name: json.loads((path.parent / f"{name}.json").read_text()) for name in ("manifest", "rollout")}
        for path in (farm.directory / "w1" / "archives").glob("*/manifest.json")
    ]
    mine = [each for each in found if each["manifest"]["issue"]["id"] == mode]
    planner: Json = mine[0]["manifest"]["planner"]
    assert all(document["planner"] == planner for candidate in mine for document in candidate.values())
    return planner


def _minutes(planner: Json) -> float:
    return float(planner["executed_plan"]["timeout_seconds_executed"]) / 60
