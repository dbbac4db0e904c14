"""What a submission is told of protected paths that protect nothing."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.config.models import BenchConfig
from bench.intake.issue import Issue
from bench.submit.bases import mirror_bases, workcells_of
from bench.submit.plan import Known, make_ready, plan_bench
from bench.submit.protection import missed_lines, protection_lines, unreached_lines
from tests.fixtures.executions import git
from workers.repository.mirror import ensure_commit, files_of
from workers.spec import Workcell

FILES = ["calc.py", "checks/verify.py", "pkg/tests/test_a.py", "Makefile", "ci/{x}.sh"]
VERIFY = ["python", "checks/verify.py"]


def lines(*issues: dict[str, Any], files: list[str] = FILES) -> list[str]:
    """Of issues with these workcells, on one base commit."""
    cells = {
        f"i-{number}": Workcell.model_validate(
            {"repo": "/r", "base": "c", "gates": [{"name": "t", "command": VERIFY}], **keys}
        )
        for number, keys in enumerate(issues)
    }
    return missed_lines(cells, {("/r", "c"): files})


def test_a_pattern_that_matches_nothing_is_told_once_with_its_issues() -> None:
    keys = {"protected_paths": ["/tests/**", "checks/", "pkg/tests/"]}
    (line,) = lines(
        keys, keys, keys, {"protected_paths": ["/tests/**", "*.py"]}, {"protected_paths": ["checks/"]}
    )
    assert line == (
        "protected path '/tests/**' matches no file at the base commit of 4 issues (i-0, i-1, i-2, …); correct it, "
        "or leave protected_paths out: then the repository's tests and what gates run are protected"
    )


def test_an_issue_s_further_path_that_matches_nothing_is_told_too() -> None:
    (line,) = lines({"further_protected_paths": ["golden/{x}/"]})
    assert line.startswith(
        "protected path 'golden/{x}/' matches no file at the base commit of 1 issue (i-0); "
    )


def test_a_file_that_gates_run_and_nothing_protects_is_named() -> None:
    (line,) = lines({"protected_paths": ["pkg/tests/"]})
    assert line.startswith(
        "protected paths leave out checks/verify.py, which gates run, in 1 issue (i-0); add it"
    )
    (line,) = lines({"protected_paths": ["pkg/"], "gates": [{"name": "t", "command": ["sh", "ci/{x}.sh"]}]})
    assert "leave out ci/{x}.sh, which" in line


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"protected_paths": ["checks/"]},
        {"protected_paths": ["*.py", "!checks/verify.py"]},
        {"protected_paths": [], "gates": [{"name": "t", "command": ["make", "-f", "Makefile"]}]},
        {"protected_paths": [], "gates": [{"name": "t", "command": ["ruff", "check", "calc.py"]}]},
    ],
)
def test_nothing_is_told_where_everything_is_protected_or_allowed(keys: dict[str, Any]) -> None:
    assert lines(keys) == []


def test_a_repository_without_anything_to_protect_is_told() -> None:
    make = {"gates": [{"name": "t", "command": ["make", "test"]}]}
    (line,) = lines(make, files=["a.c", "Makefile"])
    assert line.startswith("nothing is protected of 1 issue (i-0): no test was found")
    inline = {"gates": [{"name": "t", "command": ["python", "-c", "import calc; assert calc.ONE == 1"]}]}
    assert lines(inline, files=["calc.py"]) == []


def test_a_base_commit_that_is_not_known_is_told_and_not_held_against_the_paths() -> None:
    cells = {"i": Workcell.model_validate({"repo": "/r", "gates": [{"name": "t", "command": "true"}]})}
    assert missed_lines(cells, {}) == []
    told = unreached_lines(["/r at c: no", "/s at d: no"])
    assert told == ["protected paths were not held against /r at c: no (and 1 more)"]


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    """A repository and its commit."""
    repo = tmp_path / "r"
    (repo / "a b").mkdir(parents=True)
    for name in ("a b/ü\n.py", "x"):
        (repo / name).write_text("")
    git(tmp_path, "init", "-q", "r")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "base")
    return repo, git(repo, "rev-parse", "HEAD")


def test_the_files_of_a_base_commit_are_listed_with_any_name(
    repository: tuple[Path, str], tmp_path: Path
) -> None:
    repo, commit = repository
    assert files_of(ensure_commit(tmp_path / "m", str(repo), commit), commit) == ["a b/ü\n.py", "x"]


def test_a_plan_is_held_against_the_base_commits_of_its_cases(
    repository: tuple[Path, str], tmp_path: Path
) -> None:
    repo, commit = repository
    gates = [{"name": "t", "command": "sh x", "timeout_seconds": 10}]
    workcell = {"repo": str(repo), "gates": gates, "protected_paths": ["a b/"]}
    config = BenchConfig.model_validate({"workcell": workcell})
    issues = [Issue(id="here"), Issue(id="gone", workcell={"repo": str(tmp_path / "no")})]
    ready = [make_ready(config, issue, lambda _repo, _ref: commit) for issue in issues]
    plan = plan_bench(config, "b-1", "all", ready, Known(datetime(2026, 5, 1, tzinfo=UTC)))
    cells = workcells_of(plan)
    found = mirror_bases(cells.values(), tmp_path / "mirrors", here=False)
    first, second = protection_lines(cells, found)
    assert first.startswith(f"protected paths were not held against {tmp_path}/no at {commit[:12]}: ")
    assert second.startswith("protected paths leave out x, which gates run, in 1 issue (here); ")
