"""A stream that dies or is stopped loses nothing and runs nothing twice."""

import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.intake.issue import Dependency, Issue
from tests.fixtures.fleet import Fleet, Part
from tests.fixtures.rows import store_issues
from workers.testing import file_gate

pytestmark = pytest.mark.slow

_AGENT = """
import sys, time
from pathlib import Path
while not Path(sys.argv[2]).exists():
    time.sleep(0.05)
Path("fixed.txt").write_text("agent")
"""


@pytest.fixture
def backlog(farm: Fleet, tmp_path: Path) -> Path:
    """Three issues, the second waiting for the first, and the config that works on them."""
    waits = (Dependency(issue_id="b", depends_on_id="a"),)
    issues = [Issue(id="a"), Issue(id="b", dependencies=waits), Issue(id="c", dk_priority="P3")]
    store_issues(farm.engine, "test", [issue.document() for issue in issues])
    repo, base = farm.repository
    config = tmp_path / "stream.yaml"
    workcell = {
        "repo": repo,
        "base": base,
        "gates": [file_gate("fixed.txt").model_dump(mode="json")],
        "toolchains": [{"name": "command", "argv": [sys.executable, "-c", _AGENT, "agent-", str(farm.go)]}],
    }
    exploration = {"enabled": True, "epsilon": 0.5}
    config.write_text(yaml.safe_dump({"workcell": workcell, "stream": {"exploration": exploration}}))
    return config


def _run(farm: Fleet, config: Path, *flags: str) -> Part:
    return farm.command("run", "--config", str(config), *flags)


def _runs(farm: Fleet) -> list[tuple[Any, ...]]:
    return farm.rows("""
        SELECT c.issue_id, e.state, o.status FROM farm.cases c JOIN farm.executions e USING (case_id)
        LEFT JOIN farm.outcomes o USING (execution_id) WHERE e.arm_id IS NOT NULL ORDER BY c.case_id""")


def test_a_killed_stream_is_taken_up_where_it_stood(farm: Fleet, backlog: Path) -> None:
    farm.worker(slots=2)
    first = _run(farm, backlog, "--watch", "--max-concurrent-workcells", "2")
    farm.until("two runs", lambda: [state for _, state, _ in _runs(farm)] == ["running"] * 2)
    first.kill_tree()
    farm.until("its turn is over", lambda: not farm.is_connected(first), ticking=False)
    second = _run(farm, backlog, "--once", "--max-concurrent-workcells", "2")
    farm.let_go()
    assert second.process.wait(150) == 0, farm.story()
    assert _runs(farm) == [(name, "done", "success") for name in ("a", "c", "b")]
    assert farm.rows("SELECT DISTINCT kind, state FROM farm.benches") == [("stream", "finished")]
    traces = farm.rows("""
        SELECT c.issue_id, c.decision #>> '{policy_trace,exploration,enabled}',
               (c.decision #>> '{policy_trace,propensity_executed}')::float = a.propensity, a.propensity_kind
        FROM farm.cases c JOIN farm.arms a USING (case_id) ORDER BY 1""")
    assert traces == [
        ("a", "false", True, "deterministic"),
        ("b", "false", True, "deterministic"),
        ("c", "true", True, "exact"),
    ]


def test_a_stopped_stream_leaves_running_work_to_its_worker_and_keeps_others_out(
    farm: Fleet, backlog: Path
) -> None:
    farm.worker(slots=1)
    stream = _run(farm, backlog, "--max-concurrent-workcells", "1")
    farm.until("a run", lambda: [state for _, state, _ in _runs(farm)] == ["running"])
    second = _run(farm, backlog, "--once")
    assert second.process.wait(60) == 2
    assert "another stream works on this farm already" in second.log.read_text()
    assert stream.end(signal.SIGTERM) == 0
    farm.let_go()
    farm.until("the outcome", lambda: _runs(farm) == [("a", "done", "success")])
