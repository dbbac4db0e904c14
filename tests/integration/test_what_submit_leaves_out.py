"""A submission tells what its base commits list and check-outs leave out, before anything runs."""

import json
from pathlib import Path

import pytest

from bench.cli.main import main
from tests.fixtures.executions import FILES, Repository, git

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n"
SUBMODULES = "! submodules of the base commit stay empty directories in 1 issue (1 path: libs/x)"
LARGE = "! Git LFS files of the base commit stay pointers in 2 issues (1 path: m.bin)"


@pytest.fixture
def fleet(tmp_path: Path, database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setenv("BENCH_BROKER_URL", broker_url)
    path = tmp_path / "r"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    base = Repository(path, "").add(FILES | {".gitattributes": "*.bin filter=lfs\n", "m.bin": POINTER})
    git(path, "tag", "large")
    git(path, "update-index", "--add", "--cacheinfo", f"160000,{base.commit},libs/x")
    git(path, "commit", "-qm", "submodule")
    issues = [{"id": "one"}, {"id": "two", "workcell": {"base": "large"}}]
    (tmp_path / "issues.jsonl").write_text("".join(json.dumps(issue) + "\n" for issue in issues))
    return tmp_path


def _submit(place: Path, options: dict[str, bool], *flags: str) -> int:
    workcell = {
        "repo": str(place / "r"),
        "base": "main",
        "gates": [{"name": "t", "command": ["true"]}],
        "git": options,
    }
    (place / "bench.yaml").write_text(json.dumps({"workcell": workcell}))
    assert main(["issues", "import", "issues.jsonl"]) == 0
    return main(["submit", "--issues", "one,two", *flags])


@pytest.mark.parametrize("flags", [(), ("--dry-run",), ("--dry-run", "--json")])
def test_both_are_told_once_with_the_key_that_mends_them(
    flags: tuple[str, ...], fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _submit(fleet, {}, *flags) == 0
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if line.startswith(("! submodules", "! Git LFS"))] == [
        f"{SUBMODULES}; to fetch them set workcell.git: {{submodules: true}} in the config",
        f"{LARGE}; to fetch them set workcell.git: {{lfs: true}} in the config",
    ]


@pytest.mark.parametrize(("asked", "left"), [("submodules", LARGE), ("lfs", SUBMODULES)])
def test_what_the_config_asks_for_is_not_told(
    asked: str, left: str, fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _submit(fleet, {asked: True}, "--dry-run") == 0
    told = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.startswith(("! submodules", "! Git LFS"))
    ]
    assert [line.partition(";")[0] for line in told] == [left]


def test_uncommitted_changes_are_told_and_stored(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet / "r" / "calc.py").write_text("changed and not committed\n")
    (fleet / "r" / "new.py").write_text("")
    git(fleet / "r", "rm", "-q", "--cached", "libs/x")
    git(fleet / "r", "commit", "-qm", "no submodule")
    commit, large = git(fleet / "r", "rev-parse", "main"), git(fleet / "r", "rev-parse", "large")
    assert _submit(fleet, {}, "--json") == 0
    shown = capsys.readouterr()
    line = (
        f"repository {fleet / 'r'} has uncommitted changes: what is benched is 2 commits "
        f"({min(commit, large)[:12]}, …); 2 files differ and are not in them"
    )
    assert f"! {line}" in shown.err.splitlines()
    bench = json.loads(shown.out)["bench_id"]
    assert json.loads(shown.out)["notes"] == [line]
    assert main(["status", bench, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bench"]["notes"] == [line]
    assert main(["report", bench, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [line]
