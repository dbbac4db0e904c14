"""Promise: no cap is off. What can spend has money set aside, the first cent beyond it stops, nothing is taken back."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.cli.main import main
from bench.config.errors import ConfigError
from bench.config.models import BenchConfig
from bench.intake.issue import Issue
from bench.submit.plan import make_ready
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.result import ExecutionResult
from workers.spec import PlannedAction, ToolchainRef, Workcell, WorkOrder
from workers.testing import file_gate
from workers.toolchains.base import Finished, RoundContext
from workers.toolchains.registry import get_toolchain, known_toolchains

Said = pytest.CaptureFixture[str]
Runs = Callable[..., ExecutionResult]

# `tell(dollars)` replaces result.json at once, as an honest agent does.
_TELL = """
import json, os, time
result = os.environ["BENCH_RESULT"]
def tell(usd):
    with open(result + ".new", "w") as file:
        json.dump({"cost_usd": usd}, file)
    os.replace(result + ".new", result)
"""
_HONEST = "for second in range(300):\n    tell(0.05 * (second + 1))\n    time.sleep(0.1)\n"
_LIAR = "tell(5)\ntime.sleep(2.5)\ntell(0.01)\n"
_ERASER = "tell(5)\ntime.sleep(2.5)\nos.unlink(result)\n"
_LIAR_A_ROUND = "tell(0.6)\ntime.sleep(2.5)\ntell(0.01)\n"
_AT_THE_END = "tell(0.02)\n"


@pytest.fixture
def run(tmp_path: Path) -> Runs:
    """Runs a `command` agent of this Python code on a small repository, and returns the result."""
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "a.txt").write_text("a")
    commit = _commit(repo)
    machine = Machine(tmp_path / "work", tmp_path / "archives", tmp_path / "work" / "mirrors")

    def result_of(code: str, *, usd: float = 0.0, rounds: int = 1) -> ExecutionResult:
        ref = ToolchainRef(name="command", argv=[sys.executable, "-c", _braced(_TELL + code)], network=True)
        workcell = Workcell(
            repo=str(repo),
            base=commit,
            gates=[file_gate("never.txt")],
            toolchains=[ref],
            seconds_per_minute=60.0,
            rates={"usd_per_minute": 0.0, "max_usd_per_candidate": usd},
        )
        order = WorkOrder(
            execution_id=1,
            attempt=1,
            lease_token="token",
            lease_seconds=180,
            kind="arm",
            bench_id="bench",
            issue={"id": "i-1"},
            job_type="code",
            workcell=workcell,
            action=PlannedAction(swarm_id="serial_handoff", candidates=1, minutes=1, iterations=rounds),
        )
        return run_execution(order, machine, Control())

    return result_of


def _braced(code: str) -> str:
    return code.replace("{", "{{").replace("}", "}}")


def _commit(repo: Path) -> str:
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], cwd=repo, check=True)
    return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=repo, text=True).strip()


def test_with_nothing_set_aside_the_first_reported_cent_stops_the_run(run: Runs) -> None:
    result = run(_HONEST)
    assert (result.status, result.error_class) == ("error", "killed_by_cap")
    # The cost is looked at once a second, and grows by half a dollar in each.
    assert (result.micro_usd, result.cost_source) == (None, "unknown")
    assert 0 < (result.micro_usd_at_least or 0) < 5_000_000
    assert result.candidates[0].rounds[0].duration_ms < 15_000


@pytest.mark.parametrize("code", [_LIAR, _ERASER])
def test_a_cost_that_was_told_once_is_settled_whatever_is_told_later(run: Runs, code: str) -> None:
    result = run(code, usd=10)
    assert (result.micro_usd, result.cost_source) == (5_000_000, "reported")


def test_what_a_round_takes_back_is_not_there_for_the_next(run: Runs) -> None:
    result = run(_LIAR_A_ROUND, usd=1, rounds=5)
    told = [(each.usd_reported, each.usd_at_least) for each in result.candidates[0].rounds]
    assert told == [(600_000, None), (None, 600_000)]
    assert (result.micro_usd, result.micro_usd_at_least) == (None, 1_200_000)
    assert result.error_class == "killed_by_cap"


def test_no_further_round_follows_one_that_spent_what_nobody_set_aside(run: Runs) -> None:
    result = run(_AT_THE_END, rounds=3)
    assert [each.usd_reported for each in result.candidates[0].rounds] == [20_000]


def _config(usd: float, **toolchain: Any) -> BenchConfig:
    workcell = {
        "repo": "/repo",
        "gates": [{"name": "t", "command": "true"}],
        "toolchains": [toolchain],
        "rates": {"max_usd_per_candidate": usd},
    }
    return BenchConfig.model_validate({"workcell": workcell})


def _submitted(config: BenchConfig) -> None:
    make_ready(config, Issue(id="i-1"), lambda _repo, _ref: "c" * 40)


_PROVIDERS = [name for name in known_toolchains() if name not in ("command", "repair")]


@pytest.mark.parametrize(
    "toolchain",
    [
        *({"name": name} for name in _PROVIDERS if name != "acp"),
        {"name": "acp", "argv": ["agent"], "provider": "openai"},
        {"name": "claude", "network": False},
        {"name": "command", "argv": ["agent"], "network": True},
        {"name": "repair", "network": True},
    ],
)
def test_what_can_spend_is_refused_where_nothing_is_set_aside(toolchain: dict[str, Any]) -> None:
    for nothing in (0.0, 1e-9):
        with pytest.raises(ConfigError) as caught:
            _submitted(_config(nothing, **toolchain))
        assert str(caught.value).startswith(f"issue i-1: toolchain {toolchain['name']} can spend money")
        assert "set workcell.rates.max_usd_per_candidate" in str(caught.value)
    _submitted(_config(0.5, **toolchain))


@pytest.mark.parametrize("toolchain", [{"name": "repair"}, {"name": "command", "argv": ["agent"]}])
def test_what_cannot_spend_needs_nothing_set_aside(toolchain: dict[str, Any]) -> None:
    _submitted(_config(0.0, **toolchain))


def test_submit_refuses_it_in_one_line_and_writes_nothing(
    tmp_path: Path, database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_DATABASE_URL", database_url)
    monkeypatch.setenv("BENCH_BROKER_URL", broker_url)
    (tmp_path / "issues.jsonl").write_text('{"id": "one"}\n')
    (tmp_path / "bench.yaml").write_text(
        "workcell:\n  repo: /nowhere\n  gates: [{name: t, command: 'true'}]\n"
        "  toolchains: [{name: command, argv: [agent], network: true}]\n"
    )
    assert main(["issues", "import", "issues.jsonl"]) == 0
    capsys.readouterr()
    assert main(["submit", "--slice", "all", "--max-usd", "1"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "workcell.rates.max_usd_per_candidate" in said.err


def test_a_stream_of_events_that_takes_a_cost_back_is_read_at_its_highest(tmp_path: Path) -> None:
    results = [{"type": "result", "subtype": "success", "total_cost_usd": usd} for usd in (5, 0.01)]
    assert _reported("claude", tmp_path, results) == 5_000_000
    turns = [
        {"type": "turn.completed", "usage": {"input_tokens": tokens, "output_tokens": tokens}}
        for tokens in (1_000_000, 10)
    ]
    assert (_reported("codex", tmp_path, turns, model="gpt-5") or 0) > 1_000_000


def _reported(name: str, place: Path, events: list[dict[str, Any]], model: str | None = None) -> int | None:
    stdout, stderr = place / "stdout", place / "stderr"
    stdout.write_text("".join(json.dumps(event) + "\n" for event in events))
    stderr.touch()
    ref = ToolchainRef(name=name, model=model)
    context = RoundContext(ref, place, place, place, place, place, 0, 1, 60.0, 0)
    report = get_toolchain(name).report(context, Finished(0, stdout, stderr, "exit", 1))
    return report.micro_usd if report.micro_usd is not None else report.priced_micro_usd
