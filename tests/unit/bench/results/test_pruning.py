"""Retention deletes old logs, and no file that a dataset is built from."""

import os
import time
from pathlib import Path

import pytest

from bench.cli.main import main
from bench.results.retention import prune_logs

DAY = 24 * 3600.0


def _archive(directory: Path, name: str, age: float) -> Path:
    archive = directory / name
    (archive / "logs").mkdir(parents=True)
    (archive / "logs" / "gate.log").write_text("l" * 1000)
    for core in ("manifest.json", "proof.json", "rollout.json", "patch.diff"):
        (archive / core).write_text("{}")
    then = time.time() - age
    os.utime(archive / "manifest.json", (then, then))
    return archive


def test_only_logs_of_old_archives_go(tmp_path: Path) -> None:
    old, new = _archive(tmp_path, "old", 20 * DAY), _archive(tmp_path, "new", 10 * DAY)
    assert prune_logs(tmp_path, 14 * DAY, dry_run=True) == (1, 1000)
    assert (old / "logs").exists()
    assert prune_logs(tmp_path, 14 * DAY, dry_run=False) == (1, 1000)
    assert sorted(path.name for path in old.iterdir()) == [
        "manifest.json",
        "patch.diff",
        "proof.json",
        "rollout.json",
    ]
    assert (new / "logs" / "gate.log").exists()
    assert prune_logs(tmp_path, 14 * DAY, dry_run=False) == (0, 0)


def test_what_a_link_points_to_stays(tmp_path: Path) -> None:
    elsewhere = _archive(tmp_path / "elsewhere", "kept", 20 * DAY)
    store = tmp_path / "archives"
    linked = _archive(store, "linked", 20 * DAY)
    (linked / "logs" / "gate.log").unlink()
    (linked / "logs").rmdir()
    (linked / "logs").symlink_to(elsewhere / "logs")
    (store / "whole").symlink_to(elsewhere)
    assert prune_logs(store, 14 * DAY, dry_run=False) == (0, 0)
    assert (elsewhere / "logs" / "gate.log").exists()


def test_the_command_prints_how_much_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _archive(tmp_path, "old", 20 * DAY)
    monkeypatch.setenv("BENCH_ARCHIVES_DIR", str(tmp_path))
    assert main(["archives", "prune", "--older-than", "14d"]) == 0
    assert capsys.readouterr().err == "logs of 1 archives were deleted (1.0 kB)\n"
