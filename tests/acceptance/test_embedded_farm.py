"""The first hour of a user: everything in one directory, nothing configured."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pyarrow.parquet as pq
import pytest

from bench.demo.corpus import build_corpus

BENCH = str(Path(sys.executable).with_name("bench"))


class Shell:
    """Runs `bench` in one directory, as a user's shell would."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_")}
        self.environment = {**clean, "BENCH_SLEEP": "0"}

    def run(self, *arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [BENCH, *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}{self.logs()}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments).stdout)

    def logs(self) -> str:
        return "".join(path.read_text() for path in (self.directory / ".bench" / "logs").glob("*.log"))

    def processes(self) -> list[psutil.Process]:
        """Every process that has to do with this directory's farm."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            told = [*process.cmdline(), process.environ().get("BENCH_WORK_DIR", ""), process.cwd()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False
        return process.pid != os.getpid() and any(str(self.directory) in word for word in told)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    build_corpus(tmp_path)
    shell = Shell(tmp_path)
    yield shell
    shell.run("down")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_a_backlog_to_labels_in_one_directory(shell: Shell) -> None:
    assert "34 new" in shell.run("issues", "import").stderr
    listed = shell.json("issues", "list", "--json")
    assert {"id", "dk_priority", "dk_risk", "dk_size", "dk_attempts", "tags"} <= set(listed[0])

    dry = shell.json("submit", "--issues", "dep-102,dep-101", "--k", "2", "--dry-run", "--json")
    assert [len(case["arms"]) for case in dry["cases"]] == [2, 2]
    assert shell.json("status", "--json")["benches"] == []

    summary = shell.json("submit", "--issues", "dep-102,dep-101", "--k", "2", "--wait", "--json")
    assert summary["schema_version"] == "cyntra.planner_bench_summary.v1"
    assert summary["statistics"]["total_candidates_executed"] == 4
    assert Path(summary["output_paths"]["summary"]).is_file()
    again = shell.json("submit", "--issues", "dep-102,dep-101", "--k", "2", "--dry-run", "--json")
    assert again["plan_hash"] == dry["plan_hash"]

    status = shell.json("status", "--json")
    assert {part["name"]: part["state"] for part in status["parts"]} == dict.fromkeys(
        ("postgres", "broker", "coordinator", "worker"), "running"
    )
    bench_id = status["benches"][0]["bench_id"]
    bench = shell.json("status", bench_id, "--json")["bench"]
    assert bench["state"] == "finished"
    assert 0 < bench["usd_spent"] <= bench["usd_limit"]
    assert bench["usd_reserved"] == bench["usd_overrun"] == 0
    assert {row["issue_id"] for row in shell.json("winners", "--json")} == {"dep-101", "dep-102"}
    assert {row["policy"] for row in shell.json("regret", "--json")["policies"]} == {
        "heuristic_baseline",
        "uniform",
        "best_fixed",
    }
    assert "## Winners" in shell.run("report", "--format", "md").stdout

    header = shell.json("labels", "export", "labels", "--json")
    assert header == shell.json("labels", "export", "labels", "--json")
    lines = (shell.directory / "labels" / "best_of_k_dataset.jsonl").read_text().splitlines()
    parquet = pq.read_table(shell.directory / "labels" / "best_of_k_dataset.parquet").to_pylist()
    assert [row["example"] for row in parquet] == lines
    assert len(lines) == header["example_count"] == summary["statistics"]["issues_with_winner"]

    shell.run("archives", "export", "kept", "--bench", bench_id)
    proofs = list((shell.directory / "kept").glob("*/proof.json"))
    assert len(proofs) >= 4
    shell.run("archives", "prune", "--older-than", "0d")
    assert not list((shell.directory / ".bench" / "archives").glob("*/logs"))
    assert list((shell.directory / ".bench" / "archives").glob("*/proof.json"))

    shell.run("down")
    assert shell.processes() == []


@pytest.mark.slow
def test_up_serves_the_page_and_a_link_signs_in_its_owner(shell: Shell) -> None:
    shell.run("up", "--slots", "1", "--no-page")
    assert "page" not in [part["name"] for part in shell.json("status", "--json")["parts"]]
    shell.run("up")
    assert "the page: http://127.0.0.1:" in shell.run("status").stdout
    (page,) = [part for part in shell.json("status", "--json")["parts"] if part["name"] == "page"]
    assert shell.run("ui", "--owner").stderr.startswith(page["url"].partition("?")[0])
    assert _answer(page["url"]) == (303, "/")
    assert _answer(page["url"].partition("?")[0]) == (401, None), "others on this machine cannot read it"
    environment = psutil.Process(page["pid"]).environ()
    assert "farm_reader" in environment["BENCH_UI_DATABASE_URL"]
    assert "BENCH_DATABASE_URL" not in environment
    shell.run("down")
    assert shell.processes() == []


def _answer(url: str) -> tuple[int, str | None]:
    """Status of a GET request, and where it leads."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    with closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)) as connection:
        connection.request("GET", f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        return response.status, response.headers["location"]


@pytest.mark.slow
def test_a_second_up_joins_and_the_next_command_repairs_what_crashed(shell: Shell) -> None:
    shell.run("up", "--slots", "1")
    first = {part["name"]: part["pid"] for part in shell.json("status", "--json")["parts"]}
    shell.run("up")
    assert {part["name"]: part["pid"] for part in shell.json("status", "--json")["parts"]} == first
    for pid in first.values():
        psutil.Process(pid).kill()
    shell.run("up")
    second = {part["name"]: (part["state"], part["pid"]) for part in shell.json("status", "--json")["parts"]}
    assert all(state == "running" and pid != first[name] for name, (state, pid) in second.items())
    shell.run("down")
    assert shell.processes() == []
    shell.run("down")
