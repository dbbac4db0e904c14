"""The example hosts plan issues as processes, and load no more than they say."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from planner.actions import Action, JobType, is_valid

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ISSUES: list[dict[str, Any]] = [
    {"id": "depot-1", "title": "Lost token", "tags": ["lang:parser"], "dk_risk": "high", "dk_size": "L"},
    {"id": "depot-2", "tags": ["asset:world"], "dk_attempts": 3, "weather": "fine"},
    {"id": "depot-3"},
]
# What comes with extras, and pydantic, which only documents need: none of it can be imported here.
NOT_CORE = [
    *("torch", "onnx", "onnxscript", "matplotlib", "rich"),
    *("sqlalchemy", "psycopg", "alembic", "celery", "kombu", "redis", "pyarrow", "yaml"),
    "pydantic",
]
_WITHOUT = """
import runpy, sys
for name in {blocked!r}:
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# With the patience of a busy machine, which may well be late by the second that the host waits.
_STANDARD_LIBRARY_ONLY = """
import runpy, socket, sys
class Patient(socket.socket):
    def settimeout(self, seconds):
        super().settimeout(50 * seconds)
socket.socket = Patient
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
foreign = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__"}
assert not foreign, foreign
"""


@pytest.fixture
def issues(tmp_path: Path) -> Path:
    path = tmp_path / "issues.jsonl"
    path.write_text("".join(json.dumps(issue) + "\n" for issue in ISSUES))
    return path


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """Short: the path of a Unix socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="host-", dir="/tmp") as place:
        yield Path(place) / "s"


def _host(code: str, *arguments: object, isolated: bool = False) -> tuple[list[dict[str, Any]], str]:
    """What a host prints, line by line, and what it says on standard error."""
    command = [sys.executable, *(["-I", "-S"] if isolated else []), "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def _check(planned: list[dict[str, Any]]) -> None:
    assert [each["issue"] for each in planned] == [issue["id"] for issue in ISSUES]
    job_types: tuple[JobType, ...] = ("code", "fab-world", "code")
    for each, job_type in zip(planned, job_types, strict=True):
        run = each["run"]
        action = Action(run["swarm"], run["candidates"], run["minutes"], run["iterations"])
        assert is_valid(action, job_type)


def test_a_kernel_plans_with_the_core_alone(small_bundle: Path, issues: Path) -> None:
    code = _WITHOUT.format(blocked=NOT_CORE)
    planned, said = _host(code, EXAMPLES / "kernel_host.py", small_bundle, issues)
    _check(planned)
    assert said == ""
    actions = [each["planner"]["planner_action"] for each in planned]
    assert all(action["model"]["checkpoint_id"] for action in actions)
    assert all("inference_error" not in action.get("reason", "") for action in actions)
    assert planned[0]["planner"]["planner_input"]["issue"]["title"] == "Lost token"


def test_a_kernel_goes_on_with_the_baseline_where_its_bundle_is_broken(
    small_bundle: Path, issues: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(small_bundle, tmp_path / "broken")
    (broken / "model.onnx").write_bytes(b"")
    planned, said = _host(_WITHOUT.format(blocked=NOT_CORE), EXAMPLES / "kernel_host.py", broken, issues)
    _check(planned)
    assert said.startswith("the baseline decides: ")
    assert planned[0]["run"] == {
        "swarm": "speculate_vote", "candidates": 3, "minutes": 60, "iterations": "NA",
    }  # fmt: skip


def test_a_kernel_beside_a_sidecar_needs_the_standard_library_only_and_outlives_it(
    small_bundle: Path, issues: Path, socket_path: Path
) -> None:
    serve = [
        sys.executable,
        "-m",
        "planner.cli.main",
        "serve",
        "--bundle",
        str(small_bundle),
        "--socket",
        str(socket_path),
    ]
    arguments = (_STANDARD_LIBRARY_ONLY, EXAMPLES / "sidecar_host.py", socket_path, issues)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(serve, stdout=subprocess.PIPE, env=environment) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline()
            planned, _ = _host(*arguments, isolated=True)
        finally:
            server.terminate()
    _check(planned)
    assert all(each["planner"]["planner_action"]["model"] for each in planned)
    alone, _ = _host(*arguments, isolated=True)
    assert [each["run"]["swarm"] for each in alone] == ["serial_handoff"] * len(ISSUES)
    assert all("FileNotFoundError" in each["planner"]["planner_action"]["error"] for each in alone)


@pytest.mark.parametrize("name", ["kernel_host.py", "sidecar_host.py"])
def test_a_host_is_small(name: str) -> None:
    """At most thirty lines beside docstring and blank lines: that is what a kernel's author has to write."""
    text = (EXAMPLES / name).read_text().split('"""', 2)[2]
    assert len([line for line in text.splitlines() if line.strip()]) <= 30
