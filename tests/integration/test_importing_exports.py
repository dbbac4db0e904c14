"""Exports of other tools through the command line: from file and pipe into the farm, again without a change."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.cli.main import main

DATA = Path(__file__).resolve().parents[1] / "data" / "imports"
NEW = {
    "beads-export.jsonl": 2,
    "github.json": 2,
    "gitlab.json": 2,
    "jira.json": 2,
    "linear.csv": 2,
    "swe-bench.jsonl": 3,
    "harbor": 1,
}


@pytest.fixture(autouse=True)
def farm(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    (tmp_path / "bench.yaml").write_text("{}\n")


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main(["issues", "import", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_export_is_stored_and_stored_again_without_a_change(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, count in NEW.items():
        assert document(capsys, str(DATA / name))["new"] == count, name
    for name, count in NEW.items():
        assert document(capsys, str(DATA / name))["unchanged"] == count, name
    content = (DATA / "github.json").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False))
    piped = document(capsys, "-")
    assert (piped["new"], piped["unchanged"]) == (0, 2)


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False))


def test_a_pipe_closes_only_what_left_the_same_project_of_the_same_tracker(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    github = json.loads((DATA / "github.json").read_text())
    jira = json.loads((DATA / "jira.json").read_text())
    for name in ("beads-export.jsonl", "swe-bench.jsonl", "jira.json"):
        pipe(monkeypatch, (DATA / name).read_bytes())
        assert document(capsys, "-")["left"] == [], name
    other = json.dumps(github).replace("acme/shop", "acme/till").encode()
    for content in (other, json.dumps(github).encode(), json.dumps(jira).replace("SHOP-", "TILL-").encode()):
        pipe(monkeypatch, content)
        assert document(capsys, "-")["left"] == []
    pipe(monkeypatch, json.dumps(github[1:]).encode())
    assert document(capsys, "--prune", "-")["closed"] == ["acme/shop#12"]
    jira["issues"] = [{**jira["issues"][0], "id": "90001", "key": "SHOP-90"}]
    pipe(monkeypatch, json.dumps(jira).encode())
    assert document(capsys, "--prune", "-")["closed"] == ["SHOP-12"]


def test_an_empty_pipe_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe(monkeypatch, b"\n")
    assert main(["issues", "import", "-"]) == 2
    assert capsys.readouterr().err.startswith("bench: standard input is empty")


def test_a_repeated_command_names_the_options_that_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"ref": "a", "at": "2026-01-03"}, {"ref": "b", "at": "2026-01-03"}]
    Path("rows.json").write_text(json.dumps(rows))
    options = ["--map", "id=$.ref", "--map", "updated=$.at"]
    document(capsys, *options, "rows.json")
    Path("rows.json").write_text(json.dumps([{**rows[0], "at": "2026-01-02"}]))
    capsys.readouterr()
    assert main(["issues", "import", *options, "rows.json"]) == 0
    again = "bench issues import --map 'id=$.ref' --map 'updated=$.at'"
    notes = capsys.readouterr().err
    assert f"to import the older state anyway: {again} --force rows.json" in notes
    assert f"to close them: {again} --prune rows.json" in notes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["odd.json"], "name its --format, or the fields of any other JSON, as in --map 'id=$.key'"),
        (["--format", "harbor", "-"], "--format harbor reads a directory of tasks"),
        (["--format", "harbor", "."], "no Harbor task in it"),
        (["--map", "id=$.a", "--format", "beads", "odd.json"], "--format beads has fields of its own"),
        (["--map", "id=$.a"], "--map needs a file"),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("odd.json").write_text('{"ref": 1}\n')
    assert main(["issues", "import", *arguments]) == 2
    refusal = capsys.readouterr().err.strip()
    assert words in refusal
    assert "\n" not in refusal
