"""Files of the user's that have the names of our packages, or of those that we use, are never imported by the farm."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.one_issue import one_issue_project
from tests.fixtures.small_farm import bench_in

_OURS = ("bench", "bench_farm", "workers", "db", "planner", "migrations")
_THEIRS = ("celery", "kombu", "billiard", "redis", "alembic", "sqlalchemy", "psycopg", "click", "pydantic")
_STANDARD = ("types", "logging", "random", "json")
_TRAP = "open({marker!r}, 'a').write(__name__ + chr(10))\nraise RuntimeError(__name__)\n"
_CONFIG = """
schema_version: cyntra.planner_bench.v1
issue_selection: {source: issues.jsonl, slice: all}
action_sampling: {K: 1, strategy: deterministic}
workcell:
  repo: repo
  gates:
    - {name: test, command: [python, -m, pytest, -q, test_calc.py]}
    - {name: import, command: [python, -c, "import calc, os; assert 'PYTHONSAFEPATH' not in os.environ"]}
  seconds_per_minute: 1
  default_iterations: 1
  rates: {usd_per_minute: 0.01, max_usd_per_candidate: 0.5}
  toolchains: [{name: command, argv: [sed, -i, s/a - b/a + b/, calc.py]}]
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    with one_issue_project() as directory:
        (directory / "bench.yaml").write_text(_CONFIG)
        yield directory


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_bench_finishes_where_every_import_of_the_working_directory_is_a_trap(directory: Path) -> None:
    marker = directory / "imported"
    for name in (*_OURS, *_THEIRS, *_STANDARD):
        (directory / f"{name}.py").write_text(_TRAP.format(marker=str(marker)))
    done = bench_in(directory, "submit", "--wait", "--json")
    logs = "".join(path.read_text() for path in (directory / ".bench/logs").glob("*.log"))
    assert done.returncode == 0, f"{done.stderr}{logs}"
    # The gates import the candidate's `calc` from their own working directory.
    assert json.loads(done.stdout)["statistics"]["issues_with_winner"] == 1
    parts = json.loads(bench_in(directory, "status", "--json").stdout)["parts"]
    assert {part["state"] for part in parts} == {"running"}
    assert not marker.exists(), marker.read_text()
