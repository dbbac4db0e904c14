"""The loop's parts that learn, for real, and what it refuses before anything is benched."""

from pathlib import Path

import pytest

from bench.cli.main import main
from bench.errors import FailureError
from bench.loop.judge import CONTROL, POLICY
from bench.loop.learn import Planner, learn
from bench.loop.world import judge_world


@pytest.mark.slow
def test_a_world_is_learnt_into_a_verified_bundle_and_judged(tmp_path: Path, small_bundle: Path) -> None:
    Planner(tmp_path / "log").run("world", "--out", tmp_path / "dataset", "--issues", 120, "--seed", 1)
    flags = ("--policy", "mlp", "--epochs", 2, "--min-examples", 1, "--min-agreement", 0, "--hidden", 64)
    found = learn("a small world", tmp_path, flags, with_control=False)
    assert found.report["epochs"] == 2
    assert "$ planner verify" in (tmp_path / "policy.log").read_text()
    found.control.symlink_to(small_bundle)
    judged = judge_world(found, seed=1)
    assert {POLICY, CONTROL} < {one.policy for one in judged.standings}


@pytest.mark.slow
def test_a_command_that_fails_is_told_in_one_line_that_names_the_log(tmp_path: Path) -> None:
    log = tmp_path / "policy.log"
    with pytest.raises(FailureError, match=rf"^planner train failed: .*meta.json is missing.* in {log}\)$"):
        learn("nothing", tmp_path, ("--policy", "mlp"))
    assert "--shuffle-labels" not in log.read_text()
    assert "--shuffle-labels" in (tmp_path / "control.log").read_text()


def test_another_directory_is_not_built_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["loop", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_fleet_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_DATABASE_URL", "postgresql://fleet/bench")
    assert main(["loop", str(tmp_path / "loop")]) == 2
    assert "unset it" in capsys.readouterr().err
    assert not (tmp_path / "loop").exists()
