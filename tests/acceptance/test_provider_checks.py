"""`bench submit` refuses a model-driven program that the gateway cannot serve, before anything is written."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.one_issue import one_issue_project
from tests.fixtures.small_farm import bench_in
from workers.gateway.keys import KEY_NAMES

_STAND_INS = Path(__file__).parents[1] / "stand_ins"
_CONFIG = """
issue_selection: {source: issues.jsonl, slice: all}
action_sampling: {K: 1, strategy: deterministic}
workcell:
  repo: %s
  gates: [{name: test, command: [python, -m, pytest, -q, test_calc.py]}]
  rates: {max_usd_per_candidate: 0.5}
  egress: [packages.example.org]
  provider: {patience_seconds: 60}
  toolchains: [{name: claude, %s}]
"""


@pytest.fixture
def project() -> Iterator[Path]:
    with one_issue_project() as directory:
        yield directory


def _submit(project: Path, options: str, **variables: str) -> tuple[int, str]:
    """Exit code and standard error of a dry run with these options of the toolchain."""
    (project / "bench.yaml").write_text(_CONFIG % (project / "repo", options))
    none = dict.fromkeys(KEY_NAMES, "")
    path = os.pathsep.join([str(_STAND_INS), os.environ["PATH"]])
    done = bench_in(project, "submit", "--dry-run", **{**none, "PATH": path, **variables})
    return done.returncode, done.stderr


@pytest.mark.slow
def test_submit_refuses_what_cannot_be_metered_and_names_the_remedy(project: Path) -> None:
    code, text = _submit(project, "model: claude-sonnet-4-5")
    assert (code, text.splitlines()[-1].partition(" (")[0]) == (
        2,
        "bench: toolchain claude: no key for anthropic: export ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN or "
        "CLAUDE_CODE_OAUTH_TOKEN",
    )
    code, text = _submit(project, "model: claude-next-9", ANTHROPIC_API_KEY="sk-none")
    assert code == 2
    assert "model claude-next-9 has no price" in text
    code, text = _submit(project, "env: [ANTHROPIC_API_KEY]", ANTHROPIC_API_KEY="sk-none")
    assert code == 2
    assert "take it out of env" in text
    two = 'model: claude-sonnet-4-5}, {name: claude, model: claude-sonnet-4-5, base_url: "https://llm.example.org"'
    code, text = _submit(project, two, ANTHROPIC_API_KEY="sk-none")
    assert code == 2
    assert "provider anthropic has two base URLs in one workcell" in text
    assert json.loads(bench_in(project, "status", "--json").stdout)["benches"] == []

    code, text = _submit(project, "model: claude-sonnet-4-5", ANTHROPIC_API_KEY="sk-none")
    assert code == 0, text
    assert "gateway off" not in text
    for switch in ("off", "'off'"):
        code, text = _submit(project, f"model: opus, gateway: {switch}", ANTHROPIC_API_KEY="sk-none")
        assert code == 0, text
        assert "! claude: gateway off: the program's own figures are the only ones" in text
    assert "sk-none" not in text
