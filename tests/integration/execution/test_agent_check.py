"""`bench agents check` starts an agent for real: sandbox, adapter, gateway, and a scripted model as the provider."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.cli.main import main
from workers.execution.agent_check import check_agent, reference_for
from workers.gateway.keys import KEY_NAMES, sources_of
from workers.spec import ToolchainRef
from workers.toolchains.registry import known_toolchains

_AGENT = """#!PYTHON
import json, os, sys, urllib.request
if "--version" in sys.argv:
    sys.exit("9.8.7 (agent)")
how = "HOW"
if how == "silent":
    sys.exit("this program is too old")
key = os.environ["ANTHROPIC_API_KEY"]
assert not key.startswith("sk-real")
body = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
headers = {"x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json"}
url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
request = urllib.request.Request(url, json.dumps(body).encode(), headers)
answer = json.load(urllib.request.urlopen(request, timeout=30))
print(json.dumps({"type": "assistant", "message": answer, "session_id": "s"}))
end = {"type": "result", "subtype": "success", "is_error": False, "result": "ready"}
print(json.dumps({**end, "session_id": "s"}))
"""


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a program named `claude` before all others, and remove every key from the environment."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join([str(programs), os.environ["PATH"]]))
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in KEY_NAMES:
        monkeypatch.delenv(name, raising=False)

    def install(how: str) -> None:
        program = programs / "claude"
        program.write_text(_AGENT.replace("PYTHON", sys.executable).replace("HOW", how))
        program.chmod(0o755)

    return install


def test_the_one_call_of_a_working_agent_is_metered(
    agent: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agent("works")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-real-never-shown")
    assert main(["agents", "check", "claude", "-o", "json"]) == 0
    text = capsys.readouterr().out
    (row,) = json.loads(text)["agents"]
    assert (row["version"], row["provider"], row["key_from"]) == ("9.8.7", "anthropic", "ANTHROPIC_API_KEY")
    assert (row["calls_arrived"], row["is_metered"], row["problems"]) == (1, True, [])
    assert row["usd_metered"] == row["usd_served"] > 0
    assert "sk-real" not in text


def test_an_agent_without_its_key_works_but_fails_the_check(agent: Any) -> None:
    agent("works")
    checked = check_agent(reference_for("claude"), {})
    assert checked.start is not None
    assert checked.start.is_metered
    (problem,) = checked.problems
    assert problem.startswith("toolchain claude: no key for anthropic: export ANTHROPIC_API_KEY")
    assert check_agent(reference_for("claude"), {}, needs_key=False).problems == ()


def test_a_price_that_depends_on_the_provider_is_that_of_both_figures(
    agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent("works")
    prices = tmp_path / "prices.json"
    models = {"anthropic/claude-sonnet-4-5": {"input": 7, "output": 9}}
    prices.write_text(json.dumps({"as_of": "2026-01-31", "models": models}))
    monkeypatch.setenv("BENCH_PRICES", str(prices))
    checked = check_agent(reference_for("claude"), sources_of({"ANTHROPIC_API_KEY": "sk-real"}))
    assert checked.problems == ()


def test_an_agent_that_calls_no_model_is_reported_with_its_own_words(
    agent: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    agent("silent")
    keys = sources_of({"ANTHROPIC_API_KEY": "sk-real"})
    checked = check_agent(reference_for("claude"), keys)
    assert checked.start is not None
    assert (checked.start.calls, checked.start.is_metered) == (0, False)
    (problem,) = checked.problems
    assert problem.startswith("toolchain claude: no call of the model arrived through the gateway")
    assert "this program is too old" in problem
    assert main(["agents", "check", "claude"]) == 1
    assert "- toolchain claude: no key for anthropic" in capsys.readouterr().out


def test_what_is_not_installed_or_has_no_price_is_not_started(
    agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent("works")
    keys = sources_of({"ANTHROPIC_API_KEY": "sk-real"})
    checked = check_agent(ToolchainRef(name="claude", model="claude-next-9"), keys)
    assert checked.start is not None
    assert checked.start.calls == 0
    assert checked.problems[0].startswith("toolchain claude: model claude-next-9 has no price")
    monkeypatch.setenv("PATH", "/nowhere")
    checked = check_agent(reference_for("claude"), keys)
    assert (checked.is_installed, checked.start) == (False, None)
    assert "npm install -g @anthropic-ai/claude-code" in checked.problems[0]


def test_the_agents_of_the_config_are_checked_and_unknown_names_refused(
    agent: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent("works")
    (tmp_path / "bench.yaml").write_text(
        "workcell: {toolchains: [{name: repair}, {name: claude, model: opus}]}"
    )
    assert main(["agents", "check", "-o", "json"]) == 1
    rows = json.loads(capsys.readouterr().out)["agents"]
    assert [(row["toolchain"], row["model"]) for row in rows] == [("claude", "opus")]
    assert main(["agents", "check", "clod"]) == 2
    assert "unknown toolchain 'clod'" in capsys.readouterr().err


def test_every_agent_has_a_model_to_be_checked_with() -> None:
    for name in known_toolchains():
        if name not in ("command", "repair", "acp"):
            assert reference_for(name).model is not None
