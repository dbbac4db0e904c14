"""Completion of slices and issues where no farm runs; nothing is started, nothing is printed."""

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from bench.cli.main import cli

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory without a farm."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATABASE_URL", raising=False)
    # The first call also imports modules, which must not time out on a loaded machine.
    monkeypatch.setattr("bench.cli.suggestions._PATIENCE_SECONDS", 60.0)
    return tmp_path


def complete(arguments: list[str], incomplete: str) -> list[str]:
    """The suggestions for the last word."""
    items = ShellComplete(cli, {}, "bench", "_BENCH_COMPLETE").get_completions(arguments, incomplete)
    return [item.value for item in items]


def test_slices_are_those_of_the_config_and_the_built_in_ones(here: Path) -> None:
    assert complete(["submit", "--slice"], "lane") == ["lane-a", "lane-b", "lane-c"]
    (here / "bench.yaml").write_text("slices:\n  crucial: {dk_risk: [critical]}\n")
    assert complete(["issues", "list", "--slice"], "cr") == ["crucial", "critical"]
    (here / "other.yaml").write_text("slices:\n  custom: {dk_risk: [low]}\n")
    assert complete(["run", "--config", "other.yaml", "--slice"], "cu") == ["custom"]


def test_a_config_that_cannot_be_read_leaves_the_built_in_slices(here: Path, capsys: Capture) -> None:
    (here / "bench.yaml").write_text("slices: [")
    assert complete(["submit", "--slice"], "all") == ["all"]
    assert capsys.readouterr() == ("", "")


def test_issues_are_those_of_the_backlog_where_no_farm_runs(here: Path) -> None:
    (here / ".beads").mkdir()
    lines = [json.dumps({"id": name, "title": name}) for name in ("shop-1", "shop-2", "dep-1")]
    (here / ".beads" / "issues.jsonl").write_text("\n".join(lines))
    assert complete(["issues", "show"], "shop") == ["shop-1", "shop-2"]
    assert complete(["submit", "--issues"], "shop-1,") == ["shop-1,shop-2", "shop-1,dep-1"]


@pytest.mark.parametrize("arguments", [["winners"], ["cancel"], ["value"], ["issues", "show"]])
def test_without_a_farm_nothing_is_suggested_started_or_printed(
    arguments: list[str], here: Path, capsys: Capture
) -> None:
    assert complete(arguments, "") == []
    assert list(here.iterdir()) == []
    assert capsys.readouterr() == ("", "")
