"""What a stream archives tells, in every mode, all that was asked, decided and done; and so does the database."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from bench.intake.issue import Issue
from planner.cli.main import main as planner
from planner.dataset.arrays import label_of
from planner.dataset.read import read_dataset
from planner.documents.planner_input import input_hash
from planner.space.baseline import POLICY_ID
from tests.fixtures.fleet import Fleet, fleet, repository_at
from tests.fixtures.rows import store_issues
from workers.testing import file_gate

pytestmark = pytest.mark.slow

Json = dict[str, Any]
MODES = {"disabled": "off", "shadow": "log", "enabled": "enforce", "exploring": "off"}
EPSILON = 0.9
CORE = ("manifest.json", "proof.json", "rollout.json")
_AGENT = 'from pathlib import Path; Path("fixed.txt").write_text("agent")'


@pytest.fixture
def farm(tmp_path: Path, database_url: str, broker_url: str) -> Iterator[Fleet]:
    with fleet(tmp_path, database_url, broker_url, repository_at(tmp_path / "repo")) as one:
        yield one


@pytest.fixture
def archives(farm: Fleet, small_bundle: Path) -> Path:
    """What a stream in each mode leaves, each with issues of its own: one serial, one wide, one that fails."""
    farm.worker(slots=2)
    for mode in MODES:
        _stream(farm, mode, small_bundle)
    return farm.directory / "w1" / "archives"


def _stream(farm: Fleet, mode: str, bundle: Path) -> None:
    repo, base = farm.repository
    never = {"gates": [file_gate("never.txt").model_dump(mode="json")]}
    issues = [
        Issue(id=f"{mode}-serial", dk_priority="P3", dk_risk="low", dk_size="S"),
        Issue(id=f"{mode}-wide", dk_priority="P3", dk_risk="low", dk_size="L"),
        Issue(id=f"{mode}-fails", dk_priority="P3", dk_risk="low", workcell=never),
    ]
    store_issues(farm.engine, "test", [issue.document() for issue in issues])
    config = farm.directory / f"{mode}.yaml"
    workcell = {
        "repo": repo,
        "base": base,
        "gates": [file_gate("fixed.txt").model_dump(mode="json")],
        "toolchains": [{"name": "command", "argv": [sys.executable, "-c", _AGENT]}],
    }
    exploration = {"enabled": mode == "exploring", "epsilon": EPSILON}
    stream = {"max_attempts": 1, "exploration": exploration}
    planner = {"model": {"path": str(bundle)}, "inference": {"timeout_ms": 60_000}}
    config.write_text(yaml.safe_dump({"workcell": workcell, "stream": stream, "planner": planner}))
    flags = ["--planner-model", str(bundle), "--confidence-threshold", "0"]
    flags += ["--planner-mode", "disabled" if mode == "exploring" else mode]
    run = farm.command("run", "--once", "--config", str(config), "--max-concurrent-workcells", "9", *flags)
    assert run.process.wait(240) == 0, farm.story()


def test_archives_record_every_decision_and_the_database_gives_them_back(
    farm: Fleet, archives: Path, tmp_path: Path
) -> None:
    by_issue = _planner_blocks(archives)
    assert set(by_issue) == {f"{mode}-{kind}" for mode in MODES for kind in ("serial", "wide", "fails")}
    for issue_id, block in by_issue.items():
        _check(issue_id.partition("-")[0], block)
    built = _dataset(archives, tmp_path / "built")
    _check_examples(tmp_path / "built", by_issue)

    kept = tmp_path / "kept"
    shutil.move(archives, kept)
    count = len(list(kept.iterdir()))
    assert _restore(farm, archives) == f"{count} archives written to {archives}, 0 were there already"
    for core in (f"{archive.name}/{name}" for archive in kept.iterdir() for name in CORE):
        assert (archives / core).read_bytes() == (kept / core).read_bytes()
    assert _dataset(archives, tmp_path / "rebuilt") == built

    lost, gone = sorted(archives.iterdir())[:2]
    _forget_the_start_of(farm, lost.name)
    shutil.rmtree(lost)
    shutil.rmtree(gone)
    assert _restore(farm, archives) == (
        f"1 archives written to {archives}, {count - 2} were there already\n"
        f"1 not written, the database has only a part: {lost.name}"
    )


def _check(mode: str, block: Json) -> None:
    asked, action, trace = block["planner_input"], block["planner_action"], block["policy_trace"]
    assert asked["schema_version"] == "cyntra.planner_input.v1"
    assert action["schema_version"] == "cyntra.planner_action.v1"
    assert action["input_hash"] == input_hash(asked)
    assert action["model"] if mode in ("shadow", "enabled") else action["reason"] == "planner_disabled"
    assert trace["policy_mode"] == MODES[mode]
    assert (trace["policy_id"] == POLICY_ID) == (mode != "enabled")
    assert block["executed_plan"]["schema_version"] == "cyntra.executed_plan.v1"
    assert trace["exploration"]["enabled"] == (mode == "exploring")
    if mode != "exploring":
        assert trace["propensity_executed"] == 1
        return
    safe = [tuple(each) for each in trace["exploration"]["safe_set"]]
    kept = trace["exploration"]["u"] < 1 - EPSILON
    share = EPSILON / len(safe)
    assert trace["propensity_executed"] in ({1 - EPSILON + share} if kept else {1 - EPSILON + share, share})


def _planner_blocks(archives: Path) -> dict[str, Json]:
    """By issue, the planner block that all its candidates share, in manifest and rollout alike."""
    found: dict[str, Json] = {}
    for archive in archives.iterdir():
        manifest, _, rollout = (json.loads((archive / name).read_text()) for name in CORE)
        block = manifest["planner"]
        assert rollout["planner"] == block == found.setdefault(manifest["issue"]["id"], block)
    return found


def _dataset(archives: Path, out: Path) -> str:
    """The hash of the dataset of all epochs, for each mode decides under rules of its own."""
    arguments = ["build-dataset", "--archives", str(archives), "--out", str(out), "--mix-epochs"]
    assert planner(arguments) == 0
    return read_dataset(out).meta.dataset_hash


def _check_examples(dataset: Path, by_issue: dict[str, Json]) -> None:
    examples = {each["planner_input"]["issue"]["issue_id"]: each for each in read_dataset(dataset).examples()}
    assert examples.keys() == by_issue.keys()
    for issue_id, example in examples.items():
        block = by_issue[issue_id]
        (outcome,) = example["candidates"]
        assert example["planner_input"] == block["planner_input"]
        assert example["source"] == "executed"
        assert label_of(example).swarm_id == block["executed_plan"]["swarm_id_executed"]
        assert outcome["propensity"] == block["policy_trace"]["propensity_executed"]
        assert outcome["outcome"]["status"] == ("failed" if issue_id.endswith("fails") else "success")


def _restore(farm: Fleet, target: Path) -> str:
    log = farm.directory / "archives.log"
    log.unlink(missing_ok=True)
    command = farm.command("archives", "restore", str(target))
    assert command.process.wait(60) == 0, log.read_text()
    return log.read_text().strip()


def _forget_the_start_of(farm: Fleet, workcell_id: str) -> None:
    statement = "UPDATE farm.candidates SET document = document - 'started_at' WHERE workcell_id = :name"
    with farm.engine.begin() as connection:
        connection.execute(sa.text(statement), {"name": workcell_id})
