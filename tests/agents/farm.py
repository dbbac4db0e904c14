"""An embedded farm beside a scripted model server: benches one issue of a small repository with a real program."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.agents.install import PROGRAMS
from tests.agents.table import Agent
from tests.fixtures.small_farm import BENCH
from workers.gateway.providers import PROVIDERS
from workers.gateway.scripted.scenarios import lab_key
from workers.gateway.scripted.server import ScriptedModels

RESERVED_USD: Final = 2.0
"""What a candidate may spend: enough for a call whose stream is cut, which is charged its whole output limit."""
SMALL_USD: Final = 0.2
"""What a candidate may spend that spends all of it."""
_ISSUE = {
    "id": "calc-1",
    "title": "Repair add",
    "description": "`add` in calc.py subtracts.",
    "status": "open",
    "priority": 1,
}
_GATE = """python -c 'from calc import add; assert add(2, 3) == 5'"""
_BENCH_SECONDS = 240


@dataclass(frozen=True)
class AgentsFarm:
    """The farm and what it talks to."""

    directory: Path
    models: ScriptedModels
    environment: dict[str, str]

    def _submit(self, agent: Agent, key: str, reserved_usd: float, *options: str) -> str:
        base_url = self.models.base_url(agent.provider, key)
        toolchain = {
            "name": agent.toolchain,
            "model": agent.model,
            "provider": agent.provider,
            "base_url": base_url,
        }
        (self.directory / "bench.yaml").write_text(yaml.safe_dump(self._config(toolchain, reserved_usd)))
        return self.run("submit", "--issues", "calc-1", "--k", "1", *options)

    def bench(self, agent: Agent, key: str, reserved_usd: float) -> dict[str, Any]:
        """The outcome of a bench whose model calls have that key, and whose candidate may spend so much."""
        text = self._submit(agent, key, reserved_usd, "--wait")
        match = re.search(r"(\S+/b-\S+\.outcomes\.jsonl)", text)
        assert match is not None, text
        (outcome,) = [json.loads(line) for line in Path(match[1]).read_text().splitlines()]
        return dict(outcome)

    def paused(self, agent: Agent, key: str) -> list[dict[str, Any]]:
        """The classes that a bench pauses whose provider fails for good; it has to, within the time of a bench."""
        self._submit(agent, key, RESERVED_USD)
        deadline = time.monotonic() + _BENCH_SECONDS
        while time.monotonic() < deadline:
            classes: list[dict[str, Any]] = json.loads(self.run("status", "--json"))["paused"]
            if classes:
                return classes
        raise AssertionError(f"nothing is paused: {self.run('status')}")

    def errors(self) -> str:
        """What the last bench's report says of failures."""
        return self.run("report", "--output", "md")

    def run(self, *arguments: str) -> str:
        """What `bench` prints in the farm's directory."""
        done = subprocess.run(
            [BENCH, *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_BENCH_SECONDS,
        )
        assert done.returncode == 0, f"bench {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout + ("" if "--json" in arguments else done.stderr)

    def _config(self, toolchain: dict[str, Any], reserved_usd: float) -> dict[str, Any]:
        return {
            "issue_selection": {"source": str(self.directory / "issues.jsonl")},
            "action_sampling": {"K": 1, "strategy": "deterministic"},
            "execution_limits": {"max_retries": 0},
            "output": {"directory": str(self.directory / "out")},
            "workcell": {
                "repo": str(self.directory / "repo"),
                "base": "main",
                "gates": [{"name": "add", "command": _GATE}],
                "toolchains": [toolchain],
                # Money is for the model alone, so that the charge is what was served.
                "rates": {"max_usd_per_candidate": reserved_usd, "usd_per_minute": 0},
                "seconds_per_minute": 2,
                "default_candidates": 1,
                "default_iterations": 1,
                "provider": {"patience_seconds": 4, "stall_seconds": 3},
            },
        }


@contextmanager
def agents_farm() -> Iterator[AgentsFarm]:
    """A farm in a directory of its own; its parts start with the first bench and end with the context."""
    directory = Path(tempfile.mkdtemp(prefix="bf-"))
    directory.chmod(0o755)
    _write_repository(directory / "repo")
    (directory / "issues.jsonl").write_text(json.dumps(_ISSUE) + "\n")
    with ScriptedModels() as models:
        farm = AgentsFarm(directory, models, _environment(directory))
        try:
            yield farm
        finally:
            if (directory / ".bench").exists():
                farm.run("down")
            shutil.rmtree(directory, ignore_errors=True)


def _write_repository(repository: Path) -> None:
    repository.mkdir()
    (repository / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    git = ["git", "-C", str(repository), "-c", "user.name=farm", "-c", "user.email=farm@example.org"]
    for arguments in (
        ["init", "--quiet", "--initial-branch", "main"],
        ["add", "."],
        ["commit", "--quiet", "-m", "x"],
    ):
        subprocess.run([*git, *arguments], check=True)


def _environment(directory: Path) -> dict[str, str]:
    """Keys of all providers, dummies, and the installed programs alone in front of PATH."""
    programs = directory / "programs" / "bin"
    programs.mkdir(parents=True)
    for program in PROGRAMS.values():
        if program.is_installed:
            (programs / program.executable).symlink_to(program.bin.resolve() / program.executable)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BENCH_")}
    dummy = lab_key("unauthorized", "farm")  # each toolchain's base URL names another
    keys = {f"BENCH_SECRET_{provider.keys[0]}": dummy for provider in PROVIDERS.values()}
    path = os.pathsep.join((str(programs), clean["PATH"]))
    own = {name: os.environ[name] for name in ("BENCH_EMBEDDED_HOME", "BENCH_PRICES")}
    return {**clean, **keys, **own, "PATH": path}
