"""Variables and secrets of the shell that starts or submits reach the worker; a changed one starts it anew."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fixtures.one_issue import one_issue_project
from tests.fixtures.small_farm import bench_in

_AGENT = """#!/bin/sh
echo "home=$MY_AGENT_HOME index=$PIP_INDEX_URL secret=$BENCH_SECRET_KEY"
env | grep API_KEY
sed -i 's/a - b/a + b/' calc.py
"""
_CONFIG = """
schema_version: cyntra.planner_bench.v1
issue_selection: {source: issues.jsonl, slice: all}
action_sampling: {K: 1, strategy: deterministic}
workcell:
  repo: %(repo)s
  gates: [{name: test, command: [python, -m, pytest, -q, test_calc.py]}]
  seconds_per_minute: 1
  default_iterations: 1
  rates: {usd_per_minute: 0.01, max_usd_per_candidate: 0.5}
  toolchains: [{name: command, argv: ["%(agent)s"], network: true, env: [MY_AGENT_HOME]}]
"""


class Shell:
    """`bench` in one directory, with the variables of that shell alone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def bench(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return bench_in(self.directory, *arguments, **variables)

    def worker(self) -> int:
        return self.part("worker")

    def part(self, name: str) -> int:
        """The pid of a part of the farm."""
        parts = json.loads(self.bench("status", "--json").stdout)["parts"]
        (pid,) = [part["pid"] for part in parts if part["name"] == name]
        return int(pid or 0)

    def said_by_agents(self) -> str:
        """All that agents wrote, in the order of their archives."""
        logs = (self.directory / ".bench/archives").glob("*/logs/round-1.stdout")
        return "".join(path.read_text() for path in sorted(logs, key=lambda path: path.stat().st_mtime))


@pytest.fixture
def shell() -> Iterator[Shell]:
    with one_issue_project() as directory:
        agent = directory / "agent.sh"
        agent.write_text(_AGENT)
        agent.chmod(0o755)
        (directory / "bench.yaml").write_text(_CONFIG % {"repo": directory / "repo", "agent": agent})
        yield Shell(directory)


@pytest.mark.slow
def test_named_variables_reach_the_agent_and_a_changed_one_is_told(shell: Shell) -> None:
    refused = shell.bench("submit", "--wait")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == (
        "bench: toolchain command: env names MY_AGENT_HOME, which is not set here; export it, or take it out of env"
    )
    assert json.loads(shell.bench("status", "--json").stdout)["benches"] == []

    first = {
        "MY_AGENT_HOME": "/opt/agent",
        "PIP_INDEX_URL": "http://127.0.0.1:9",
        "BENCH_PASS_ENV": "PIP_INDEX_URL",
    }
    key_file = shell.directory / "key"
    key_file.write_text("s3cret-of-the-file")
    keys = {"OPENAI_API_KEY": "s3cret-of-the-provider", "GEMINI_API_KEY_FILE": str(key_file)}
    refused = shell.bench("submit", "--wait", **first, **keys, GROQ_API_KEY_FILE=str(key_file) + "-missing")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("bench: GROQ_API_KEY_FILE: cannot read the key's file")
    done = shell.bench("submit", "--wait", **first, **keys, BENCH_SECRET_KEY="s3cret-of-the-shell")
    assert done.returncode == 0, done.stderr
    assert shell.said_by_agents() == "home=/opt/agent index=http://127.0.0.1:9 secret=\n"
    worker = psutil.Process(shell.worker())
    assert worker.environ()["BENCH_SECRET_KEY"] == "s3cret-of-the-shell"
    assert worker.environ()["OPENAI_API_KEY"] == "s3cret-of-the-provider"
    assert [child.environ()["BENCH_SECRET_GEMINI_API_KEY"] for child in worker.children()[:1]] == [
        "s3cret-of-the-file"
    ]
    assert not set(keys) & set(psutil.Process(shell.part("coordinator")).environ())
    assert f"GEMINI_API_KEY_FILE: other accounts can read {key_file}" in done.stderr
    written = [path for path in (shell.directory / ".bench").rglob("*") if path.is_file()]
    assert not [path for path in written if b"s3cret-of-the" in path.read_bytes()]

    # A shell that lacks them keeps what runs; it may submit, too.
    assert "restarts and" not in shell.bench("up").stderr
    assert shell.worker() == worker.pid
    assert shell.bench("submit", "--wait", "--seed", "2").returncode == 0
    assert shell.said_by_agents().count("home=/opt/agent index=http://127.0.0.1:9") == 2

    changed = shell.bench("submit", "--wait", "--seed", "3", MY_AGENT_HOME="/opt/new")
    assert changed.returncode == 0, changed.stderr
    (line,) = [line for line in changed.stderr.splitlines() if "restarts and" in line]
    assert line == "the worker restarts and returns its executions to the queue: MY_AGENT_HOME changed"
    assert shell.said_by_agents().endswith("home=/opt/new index=http://127.0.0.1:9 secret=\n")
    assert shell.worker() != worker.pid
    assert "s3cret" not in shell.bench("up", BENCH_SECRET_KEY="s3cret-too").stderr

    told = shell.bench("up", "--slots", "1").stderr
    assert "the worker restarts and returns its executions to the queue: --slots changed" in told
