"""The commands on datasets, as a user calls them."""

import json
from pathlib import Path
from typing import Any

import pytest

from planner.actions import SWARM_IDS, Action
from planner.cli.main import main
from planner.dataset.lanes import lane_of
from tests.fixtures.archive_files import (
    archive,
    label,
    legacy_archive,
    write_archive,
    write_archives,
    write_labels,
)
from tests.fixtures.planner_examples import NOW_MS, example, planner_input, write_dataset, write_examples


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_from_archives_and_labels_to_statistics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archives = write_archives(tmp_path / "archives", 10)
    assert run("build-dataset", "--archives", archives, "--out", tmp_path / "data") == 0
    labels = write_labels(tmp_path / "labels", [label(0), label(20)])
    base = ("--base", tmp_path / "data", "--out", tmp_path / "merged")
    assert run("dataset", "merge-best-of-k", "--labels", labels, *base) == 0
    output = capsys.readouterr().err
    assert "10 examples in" in output
    assert "2 labels, 9 examples of the base kept, 1 replaced" in output
    assert run("stats", tmp_path / "merged") == 0
    shown = capsys.readouterr().out
    assert "11 examples of 11 issues" in shown
    assert "source: best_of_k 2, executed 9" in shown


def test_the_archives_of_the_farm_are_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_archives(tmp_path / ".bench" / "archives", 1)
    assert run("build-dataset", "--out", "first") == 0
    monkeypatch.setenv("BENCH_ARCHIVES_DIR", str(write_archives(tmp_path / "elsewhere", 2)))
    assert run("build-dataset", "--out", "second") == 0
    output = capsys.readouterr().err
    assert "1 examples in first" in output
    assert "2 examples in second" in output


def test_what_was_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archives = write_archives(tmp_path / "archives", 3, epoch=None)
    write_archive(archives, legacy_archive(4))
    write_archive(archives, archive(5, epoch=None, policy_id="bench:coverage"))
    for attempt in (1, 2):
        again = {"bench_id": "s", "execution_id": 7, "attempt": attempt}
        write_archive(archives, archive(7, epoch=None, bench=again, workcell_id=f"x7-a{attempt}-c0-0badcafe"))
    write_archive(archives, archive(6, status="error"))
    bins = {"max_candidates_bin": 1, "max_minutes_bin": 30, "max_iterations_bin": "NA"}
    planned = {"planned_action": {"swarm_id": "serial_handoff", "budgets": bins}}
    write_archive(archives, archive(8, epoch=None, planned=planned))
    for number in range(12):
        (archives / f"broken-{number:02d}").mkdir()
    assert run("build-dataset", "--archives", archives, "--out", tmp_path / "data") == 0
    output = capsys.readouterr().err
    assert "skipped broken-00: neither rollout.json" in output
    assert "broken-11" not in output
    assert "skipped 2 more: see" in output
    assert "1 examples recorded a planner's decision: 1 ran as decided" in output
    assert "21 archives, 8 runs, 12 archives broken, 1 drawn by a bench, 1 ended in an error" in output
    assert "1 archives of attempts that were made again" in output
    assert "1 examples had recorded no input" in output
    assert "for the winners of benches: planner dataset merge-best-of-k" in output


def test_refusals_are_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ("build-dataset", "--archives", tmp_path / "nowhere", "--out", tmp_path / "out"),
        ("stats", tmp_path / "nowhere"),
        ("dataset", "merge-best-of-k", "--labels", tmp_path / "nowhere", "--out", tmp_path / "out"),
    ):
        assert run(*arguments) == 2
        refused = capsys.readouterr()
        assert refused.err.startswith("planner: ")
        assert refused.err.count("\n") == 1
        assert refused.out == ""
    assert list(tmp_path.iterdir()) == []


def test_statistics_as_json_count_every_label_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("stats", write_dataset(tmp_path, 60, seed=4), "--json") == 0
    figures: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert figures["examples"] == figures["example_count"] == 60
    assert figures["by_split"] == {"train": 48, "val": 6, "test": 6}
    assert sum(figures["lanes"].values()) == 60
    for head in ("swarm", "candidates", "minutes", "iterations"):
        rows = figures["labels"][head].values()
        assert sum(row.get("all", 0) for row in rows) == 60
        for kind in (("low", "medium", "high", "critical"), ("XS", "S", "M", "L", "XL")):
            assert sum(row.get(name, 0) for row in rows for name in kind) == 60
    assert list(figures["labels"]["swarm"]) == list(SWARM_IDS)


def test_agreement_and_outcomes_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twins = [example(run_id=f"r{index}", benched=False) for index in range(3)]
    assert run("stats", write_examples(tmp_path, twins)) == 0
    shown = capsys.readouterr().out
    assert "near-duplicate inputs with the same label: 100.0% of 3 pairs" in shown
    assert "0 with outcomes" in shown


def test_statistics_of_archives_are_those_of_the_dataset_that_they_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    archives = write_archives(tmp_path / ".cyntra" / "archives", 6)
    write_archive(archives, archive(7, epoch="kernel-2"))
    (archives / "broken").mkdir()
    assert run("build-dataset", "--archives", archives, "--mix-epochs", "--out", tmp_path / "data") == 0
    assert run("stats", tmp_path / "data", "--json") == 0
    of_dataset = json.loads(capsys.readouterr().out)
    before = sorted(tmp_path.rglob("*"))
    assert run("stats", ".cyntra/archives", "--json") == 0
    of_archives = capsys.readouterr()
    assert json.loads(of_archives.out) == of_dataset
    assert "skipped broken: neither rollout.json" in of_archives.err
    monkeypatch.setenv("BENCH_ARCHIVES_DIR", str(archives))
    assert run("stats", "--json") == 0
    assert json.loads(capsys.readouterr().out) == of_dataset
    assert sorted(tmp_path.rglob("*")) == before


def test_statistics_may_leave_out_worlds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archives = write_archives(tmp_path / "archives", 3)
    world = planner_input(created_ms=NOW_MS - 1, job_type="fab-world")
    plan = {"swarm_id_executed": "speculate_vote", "max_candidates_executed": 2}
    write_archive(archives, archive(9, planner_input=world, plan=plan))
    assert run("build-dataset", "--archives", archives, "--out", tmp_path / "data") == 0
    for source in (archives, tmp_path / "data"):
        assert run("stats", source) == 0
        assert "4 examples of 4 issues" in capsys.readouterr().out
        assert run("stats", source, "--no-include-world") == 0
        assert "3 examples of 3 issues" in capsys.readouterr().out


def test_statistics_refuse_what_is_neither(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_dataset(tmp_path, 12)
    assert run("stats", data, tmp_path) == 2
    assert "name one dataset" in capsys.readouterr().err
    assert run("stats", data, "--issues", "issues.jsonl") == 2
    assert "--issues is for archives" in capsys.readouterr().err
    (data / "meta.json").unlink()
    assert run("stats", data) == 2
    assert "meta.json is missing" in capsys.readouterr().err
    only_world = write_examples(tmp_path / "world", [example(job_type="fab-world")])
    assert run("stats", only_world, "--no-include-world") == 2
    assert "all examples are fab-world runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("risk", "size", "action", "lane"),
    [
        ("low", "XS", ("serial_handoff", 1), "A"),
        ("medium", "M", ("serial_handoff", 1), "A"),
        ("medium", "M", ("speculate_vote", 1), None),
        ("medium", "L", ("serial_handoff", 1), None),
        ("high", "M", ("speculate_vote", 2), "B"),
        ("high", "S", ("speculate_vote", 2), None),
        ("high", "M", ("speculate_vote", 3), None),
        ("critical", "XL", ("speculate_vote", 3), "C"),
        ("critical", "M", ("speculate_vote", 3), None),
        ("critical", "L", ("speculate_vote", "NA"), None),
    ],
)
def test_a_lane_is_a_shape_of_work(risk: str, size: str, action: tuple[str, Any], lane: str | None) -> None:
    assert lane_of(risk, size, Action(*action, 60, "NA")) == lane
