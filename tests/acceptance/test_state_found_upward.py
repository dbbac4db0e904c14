"""A farm is found from the directories below it; a second one is not made, and reading starts no worker."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.small_farm import bench_in

_SLICES = "schema_version: cyntra.planner_bench.v1\nslices: {%s: {status: open}}\n"


class Project:
    """A directory with a config and a sub-directory, in which commands are run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.deep = directory / "a/b"
        self.deep.mkdir(parents=True)
        (directory / "bench.yaml").write_text(_SLICES % "mine")
        (directory / "issues.jsonl").write_text(json.dumps({"id": "i-1", "title": "One", "status": "open"}))

    def bench(
        self, *arguments: str, cwd: Path | None = None, code: int = 0, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        done = bench_in(cwd or self.deep, *arguments, **variables)
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def parts(self, **given: Any) -> dict[str, tuple[str, int | None]]:
        """State and pid of each part, as `bench status` shows them."""
        parts = json.loads(self.bench("status", "--json", **given).stdout)["parts"]
        return {part["name"]: (part["state"], part["pid"]) for part in parts}

    def farms(self) -> set[Path]:
        """Every state directory there is."""
        return {path.parent.relative_to(self.directory) for path in self.directory.rglob("secrets.json")}


@pytest.fixture
def project() -> Iterator[Project]:
    project = Project(Path(tempfile.mkdtemp(prefix="bf-")))
    yield project
    for state in project.farms():
        project.bench("down", BENCH_HOME=str(project.directory / state))
    shutil.rmtree(project.directory)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_farm_serves_the_directories_below_it_and_reading_starts_no_worker(project: Project) -> None:
    # The config marks the project, so the state is made beside it, and not where the command was typed.
    done = project.bench("issues", "import", "../../issues.jsonl")
    assert f"the farm is in {project.directory}/.bench" in done.stderr.splitlines()
    servers = project.parts()
    for command in (
        *("status", "issues list", "queue", "lanes", "machines list", "policies list", "db check", "drift"),
        "issues show i-1",
    ):
        project.bench(*command.split())
    assert project.parts() == servers
    assert {name: state for name, (state, _) in servers.items()} == {
        "postgres": "running",
        "broker": "running",
        "coordinator": "stopped",
        "worker": "stopped",
    }
    records = {path.stem for path in (project.directory / ".bench/run").glob("*.json")}
    assert records == {"postgres", "broker"}

    project.bench("up", "--slots", "1")
    working = project.parts()
    assert {state for state, _ in working.values()} == {"running"}
    assert project.parts(cwd=project.directory) == working
    assert "the farm is in" not in project.bench("status", cwd=project.directory).stderr
    assert project.farms() == {Path(".bench")}
    project.bench("down")
    assert {state for state, _ in project.parts().values()} == {"running", "stopped"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nested_farms_and_named_homes_are_farms_of_their_own(project: Project) -> None:
    project.bench("db", "upgrade")
    outer = project.parts()["postgres"]
    (project.deep.parent / "bench.yaml").touch()
    # The inner project has no farm yet, and is not served by the outer one.
    refused = project.bench("status", code=2)
    assert refused.stderr.startswith(f"bench: no farm in {project.deep.parent}/.bench yet; ")
    project.bench("db", "upgrade")
    inner = project.parts()["postgres"]
    assert inner[0] == outer[0] == "running"
    assert inner[1] != outer[1]
    assert project.farms() == {Path(".bench"), Path("a/.bench")}
    assert project.parts(cwd=project.directory)["postgres"] == outer
    assert project.parts(BENCH_HOME="../../.bench")["postgres"] == outer
    project.bench("down")
    assert project.parts(cwd=project.directory)["postgres"] == outer


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_config_is_found_upward_named_by_pyproject_or_by_the_environment(project: Project) -> None:
    project.bench("issues", "import", "../../issues.jsonl")

    def slice_is_known(name: str, *arguments: str, **variables: str) -> bool:
        listed = bench_in(project.deep, "issues", "list", "--slice", name, *arguments, **variables)
        assert listed.returncode in (0, 2), listed.stderr
        return listed.returncode == 0

    assert slice_is_known("mine")
    for name in ("named", "shell", "flag"):
        (project.directory / f"{name}.yaml").write_text(_SLICES % name)
    (project.directory / "pyproject.toml").write_text('[tool.bench]\nconfig = "named.yaml"\n')
    assert not slice_is_known("mine")
    assert slice_is_known("named")
    assert slice_is_known("shell", BENCH_CONFIG="../../shell.yaml")
    assert slice_is_known("flag", "--config", "../../flag.yaml", BENCH_CONFIG="../../shell.yaml")
