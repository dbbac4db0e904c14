"""One id in two repositories is two issues, and one issue stays one however its file moves."""

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from bench.cli.main import main
from bench.config.load import load_config
from bench.submit.backlog import read_backlog, store_backlog
from bench.submit.repositories import repository_at, repository_called
from bench.submit.submit import known_issues
from db.repositories.issues import Issues
from tests.fixtures.executions import git
from tests.fixtures.rows import store_issues

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a repository with a backlog; returns the file."""

    def made(name: str, *records: dict[str, Any], remote: str | None = None) -> Path:
        directory = tmp_path / name
        if not directory.exists():
            directory.mkdir()
            git(directory, "init", "-q", "-b", "main")
            (directory / "code.py").write_text("")
            git(directory, "add", "-A")
            git(directory, "commit", "-qm", "first")
            if remote:
                git(directory, "remote", "add", "origin", remote)
        file = directory / ".beads" / "issues.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(json.dumps(record) + "\n" for record in records))
        return file

    return made


def bring(engine: sa.Engine, file: Path, **how: Any) -> dict[str, Any]:
    return store_backlog(engine, read_backlog(file), **how).document()


def stored(engine: sa.Engine) -> dict[str, str]:
    return {document["id"]: document["title"] for document in Issues(engine).all_documents()}


def test_the_first_keeps_the_id_and_the_second_is_qualified_with_its_dependencies(
    engine: sa.Engine, make: Make
) -> None:
    first = make(
        "one", {"id": "s-1", "title": "one"}, {"id": "x-7", "title": "x"}, remote="https://h.org/a/one"
    )
    second = make(
        "two",
        {"id": "s-1", "title": "two"},
        {"id": "s-2", "title": "next", "depends_on": ["s-1", "x-7"], "dk_parent": "s-1"},
        remote="git@h.org:a/two.git",
    )
    bring(engine, first)
    for _ in range(2):
        bring(engine, second)
        assert stored(engine) == {"s-1": "one", "x-7": "x", "h.org/a/two:s-1": "two", "s-2": "next"}
    document = Issues(engine).get("s-2")
    assert document is not None
    # Of another repository where the own one has none of that id.
    assert [each["depends_on_id"] for each in document["dependencies"]] == ["h.org/a/two:s-1", "x-7"]
    assert document["dk_parent"] == "h.org/a/two:s-1"
    assert bring(engine, first)["unchanged"] == 2


def test_a_part_of_an_export_finds_the_issues_of_its_own_repository(engine: sa.Engine, make: Make) -> None:
    bring(engine, make("one", {"id": "s-1"}, remote="https://h.org/a/one"))
    bring(engine, make("two", {"id": "s-1"}, remote="https://h.org/a/two"))
    bring(engine, make("two", {"id": "s-2", "depends_on": ["s-1"]}))
    document = Issues(engine).get("s-2")
    assert document is not None
    assert document["dependencies"][0]["depends_on_id"] == "h.org/a/two:s-1"


def test_a_file_that_moves_makes_no_twins(engine: sa.Engine, make: Make, tmp_path: Path) -> None:
    bring(engine, make("one", {"id": "s-1", "title": "one"}))
    file = make("two", {"id": "s-1", "title": "two"})
    bring(engine, file)
    before = stored(engine)
    assert len(before) == 2
    moved = file.parent.parent / "tracker.jsonl"
    file.rename(moved)
    bring(engine, moved)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(tmp_path / "two"), str(clone)], check=True)
    (clone / "issues.jsonl").write_bytes(moved.read_bytes())
    bring(engine, clone / "issues.jsonl")
    assert stored(engine) == before


def test_a_directory_that_moves_makes_no_twins(engine: sa.Engine, make: Make, tmp_path: Path) -> None:
    repository_at.cache_clear()
    bring(engine, make("one", {"id": "s-1", "title": "one"}))
    (tmp_path / "one").rename(tmp_path / "renamed")
    repository_at.cache_clear()
    bring(engine, tmp_path / "renamed" / ".beads" / "issues.jsonl")
    assert stored(engine) == {"s-1": "one"}


def test_prune_closes_only_the_own_issues(engine: sa.Engine, make: Make) -> None:
    bring(engine, make("one", {"id": "s-1"}, {"id": "s-2"}, remote="https://h.org/a/one"))
    bring(engine, make("two", {"id": "s-1"}, {"id": "s-2"}, remote="https://h.org/a/two"))
    closed = bring(engine, make("two", {"id": "s-1"}), prune=True)["closed"]
    assert closed == ["h.org/a/two:s-2"]


def test_an_issue_of_an_earlier_version_is_of_the_repository_of_its_file(
    engine: sa.Engine, make: Make
) -> None:
    first = make("one", {"id": "s-1", "title": "one"}, remote="https://h.org/a/one")
    store_issues(engine, str(first), [{"id": "s-1", "title": "one"}])
    bring(engine, make("two", {"id": "s-1", "title": "two"}, remote="https://h.org/a/two"))
    bring(engine, first)
    assert stored(engine) == {"s-1": "one", "h.org/a/two:s-1": "two"}


def test_the_repository_that_an_issue_names_counts(engine: sa.Engine, tmp_path: Path) -> None:
    for name in ("one", "two"):
        record = {"id": "s-1", "title": name, "workcell": {"repo": f"https://h.org/a/{name}.git"}}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(record))
        bring(engine, tmp_path / f"{name}.jsonl")
    assert stored(engine) == {"s-1": "one", "h.org/a/two:s-1": "two"}


def test_a_bench_on_a_file_runs_the_issue_that_is_stored_of_it(
    engine: sa.Engine, make: Make, tmp_path: Path
) -> None:
    bring(engine, make("one", {"id": "s-1"}, remote="https://h.org/a/one"))
    file = make("two", {"id": "s-1", "title": "two"}, remote="https://h.org/a/two")
    config = tmp_path / "bench.yaml"
    config.write_text(f"issue_selection: {{source: {file}}}\n")
    issues, named = known_issues(engine, load_config(config), ["s-1"])
    assert ([issue.id for issue in issues], named) == (["h.org/a/two:s-1"], ["h.org/a/two:s-1"])


@pytest.mark.parametrize(
    ("address", "identity"),
    [
        ("https://github.com/acme/shop.git", "github.com/acme/shop"),
        ("https://ann:secret@GitHub.com/acme/shop", "github.com/acme/shop"),
        ("git@github.com:acme/shop.git", "github.com/acme/shop"),
        ("ssh://git@github.com:22/acme/shop/", "github.com/acme/shop"),
    ],
)
def test_one_repository_has_one_identity_by_any_address(address: str, identity: str) -> None:
    assert repository_called(address) == identity


def test_an_export_is_piped_in(
    database_url: str, make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = make("one", {"_type": "issue", "id": "s-1", "priority": 0}, {"_type": "memory"})
    directory = file.parent.parent
    content = file.read_bytes()
    file.unlink()
    (directory / "bench.yaml").write_text("{}\n")
    monkeypatch.chdir(directory)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    assert main(["issues", "import"]) == 2
    assert "run bd export | bench issues import -" in capsys.readouterr().err
    for line in ("1 new, 0 changed, 0 unchanged", "0 new, 0 changed, 1 unchanged"):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content), isatty=lambda: False))
        assert main(["issues", "import", "-"]) == 0
        assert line in capsys.readouterr().err
    assert main(["issues", "show", "s-1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dk_priority"] == "P0"
