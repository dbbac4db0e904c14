"""The outer repository: what the files beside the packages promise about versions, checks and places."""

import os
import re
import subprocess
import tomllib
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bench", "workers", "db", "planner")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _pythons() -> list[str]:
    """The versions of Python that the project is classified for."""
    listed = re.findall(r"Python :: (3\.\d+)$", "\n".join(_project()["project"]["classifiers"]), re.MULTILINE)
    return sorted(listed, key=Version)


def test_no_two_test_modules_have_one_name() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_folders_of_unit_tests_mirror_the_packages() -> None:
    unit = ROOT / "tests" / "unit"
    folders = [path for path in unit.rglob("*") if path.is_dir() and path.name != "__pycache__"]
    assert folders
    mirrored = [ROOT / path.relative_to(unit) for path in folders]
    assert [str(path) for path in mirrored if not any(path.glob("*.py"))] == []
    assert {path.relative_to(ROOT).parts[0] for path in mirrored} <= set(PACKAGES)


def test_ci_tests_every_python_that_the_project_is_classified_for() -> None:
    matrices = [
        job["strategy"]["matrix"]["python"] for path in WORKFLOWS for job in _yaml(path)["jobs"].values()
    ]
    assert matrices == [_pythons()]


def test_checks_hold_for_the_oldest_python() -> None:
    project, oldest = _project(), _pythons()[0]
    assert SpecifierSet(project["project"]["requires-python"]) == SpecifierSet(f">={oldest}")
    assert project["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert project["tool"]["mypy"]["python_version"] == oldest


def test_workflows_run_the_same_as_anybody_without_rights_and_secrets() -> None:
    for path in WORKFLOWS:
        workflow = _yaml(path)
        assert workflow["permissions"] == {"contents": "read"}
        assert workflow["concurrency"]["cancel-in-progress"] is True
        assert "secrets." not in path.read_text(encoding="utf-8")
        assert "pull_request_target" not in path.read_text(encoding="utf-8")
        for job in workflow["jobs"].values():
            assert "permissions" not in job
            assert [step["run"] for step in job["steps"] if "run" in step][-1] == ".ci/run"
            for step in job["steps"]:
                assert re.fullmatch(r"actions/[\w-]+@(v\d+|[0-9a-f]{40})", step.get("uses", "actions/a@v1"))


def _dry_run(*targets: str) -> str:
    """The commands that `make` would run, also where the tests run under another `make`."""
    stamps = ("-o", ".venv/.dev", "-o", ".venv-mini/.done")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-n", *stamps, "VENV=.venv", "MINI=.venv-mini", *targets]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


def test_pre_commit_runs_the_checks_of_make_check_with_the_locked_programs() -> None:
    """Programs of `.venv` have the versions of constraints/dev.txt; a hook of its own would have another."""
    made = _dry_run("check")
    (repository,) = _yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"] for hook in repository["hooks"]] == made.splitlines()
    assert all(hook["pass_filenames"] is False for hook in repository["hooks"])


def test_the_citation_names_the_project_as_its_metadata_do() -> None:
    citation, project = _yaml(ROOT / "CITATION.cff"), _project()["project"]
    assert citation["title"] == project["name"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert citation["url"] == project["urls"]["Homepage"]


def test_every_address_of_the_project_is_below_its_homepage() -> None:
    home = _project()["project"]["urls"]["Homepage"]
    assert all(url.startswith(home) for url in _project()["project"]["urls"].values())
    for path in [*ROOT.glob("*.md"), ROOT / "CITATION.cff", *(ROOT / ".github").rglob("*.yml")]:
        for url in re.findall(r"https://github\.com/bench-farm[^\s)>]*", path.read_text(encoding="utf-8")):
            assert url == home or url.startswith(f"{home}/"), f"{path}: {url}"


def test_branch_coverage_has_a_floor_and_leaves_other_processes_alone() -> None:
    coverage = _project()["tool"]["coverage"]
    assert coverage["run"]["branch"] is True
    assert "patch" not in coverage["run"], "a hook in every process would reach gates and candidates"
    assert coverage["report"]["fail_under"] >= 73
    assert set(PACKAGES) < set(coverage["run"]["source"])


def test_ci_runs_every_folder_of_tests_once() -> None:
    made = _dry_run("coverage", "rest", "docs-run", "chaos", "deep", "agents-ci")
    runs = [line.split() for line in made.splitlines() if " -m pytest " in line]
    assert len(runs) == 7
    for folder in sorted(path.name for path in (ROOT / "tests").iterdir() if any(path.glob("**/test_*.py"))):
        taken = [run for run in runs if _takes(run, f"tests/{folder}")]
        assert len(taken) == 1, f"tests/{folder}"
    assert re.search(
        r"\bcheck coverage rest docs-run chaos deep rungs agents-ci$",
        (ROOT / ".ci" / "run").read_text(),
        re.MULTILINE,
    )


def _takes(run: list[str], folder: str) -> bool:
    """Whether a call of pytest runs a whole folder: it names it, or names no test and does not ignore it."""
    ignored = [after for option, after in pairwise(run) if option == "--ignore"]
    named = [word for word in run if word.startswith("tests/") and word not in ignored]
    return folder in named or (not named and folder not in ignored)
