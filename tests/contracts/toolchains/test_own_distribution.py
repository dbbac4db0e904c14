"""A user's package adds an adapter by an entry point: the example, installed as a distribution and used."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workers.errors import WorkerError
from workers.spec import ToolchainRef
from workers.toolchains import registry
from workers.toolchains.base import ProviderEndpoint, RoundContext

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "tests" / "data" / "own_toolchain"
REF = ToolchainRef(name="my-agent", model="gpt-5")
ASK = """
import json
from workers.node.machine import usable_toolchains
from workers.errors import WorkerError
from workers.spec import ToolchainRef
from workers.toolchains.registry import check_ref, known_toolchains
check_ref(ToolchainRef(name="my-agent", model="gpt-5"))
print(json.dumps([list(known_toolchains()), usable_toolchains()]))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the example as pip installs it, metadata included."""
    base = tmp_path_factory.mktemp("own")
    sources, target = base / "sources", base / "site"
    sources.mkdir()
    for name in ("pyproject.toml", "my_agent_toolchain.py"):
        (sources / name).write_text((EXAMPLE / name).read_text())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--target", str(target), str(sources)], check=True
    )
    return target


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(site))
    registry._plugins.cache_clear()
    yield
    registry._plugins.cache_clear()


def test_a_process_lists_and_accepts_it_like_a_built_in_one(site: Path) -> None:
    path = os.pathsep.join([str(ROOT / "tests" / "stand_ins"), os.environ["PATH"]])
    env = {"PATH": path, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    asked = subprocess.run([sys.executable, "-c", ASK], env=env, capture_output=True, text=True, check=True)
    known, usable = json.loads(asked.stdout)
    assert known[:2] == ["command", "repair"]
    assert known[-1] == "my-agent"
    assert "my-agent" in usable
    assert asked.stderr == ""


@pytest.mark.usefixtures("installed")
def test_its_program_runs_and_its_usage_is_priced(
    make_context: Callable[..., RoundContext], run: Callable[..., Any]
) -> None:
    done = run(registry.get_toolchain("my-agent"), make_context(REF))
    assert (done.report.status, done.fixed) == ("success", True)
    assert done.report.message == "done at the default"
    assert done.report.priced_micro_usd == 2250  # 1,000 x 1.25 + 100 x 10


@pytest.mark.usefixtures("installed")
def test_behind_the_gateway_it_gets_its_url_and_token_instead_of_the_secret(
    make_context: Callable[..., RoundContext], run: Callable[..., Any]
) -> None:
    endpoint = ProviderEndpoint("openai", "http://127.0.0.1:8377/openai/v1", "token-of-the-door")
    context = dataclasses.replace(make_context(REF), endpoint=endpoint)
    done = run(registry.get_toolchain("my-agent"), context)
    assert done.report.message == "done at http://127.0.0.1:8377/openai/v1"
    assert (done.invocation.secrets, done.invocation.network) == ((), False)


@pytest.mark.usefixtures("installed")
def test_its_capability_is_checked_like_that_of_a_built_in_one() -> None:
    with pytest.raises(WorkerError, match="max_turns cannot be honoured"):
        registry.check_ref(REF.model_copy(update={"max_turns": 3}))
