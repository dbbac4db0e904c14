"""A workcell with the stand-ins on its PATH, and a runner that does what a worker does around a program."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from tests.fixtures.round_contexts import round_context
from workers.spec import ToolchainRef
from workers.toolchains.base import Finished, Invocation, Report, RoundContext, Toolchain

STAND_INS = Path(__file__).resolve().parents[2] / "stand_ins"
SECRETS = {
    "ANTHROPIC_API_KEY": "sk-ant-verysecret",
    "OPENAI_API_KEY": "sk-verysecret",
    "CODEX_API_KEY": "sk-verysecret",
    "GEMINI_API_KEY": "AIza-verysecret",
}
BUGGY = "def add(a, b):\n    return a - b\n"

Ending = Literal["exit", "result", "budget", "silence", "cap", "cancel"]


@dataclass
class Run:
    """One program run to its end."""

    report: Report
    finished: Finished
    invocation: Invocation
    fixed: bool
    spent: list[int | None] = field(default_factory=list)


@pytest.fixture
def make_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RoundContext]:
    """A round in a fresh workcell; `cell` names the workcell where a test needs several."""
    monkeypatch.setenv("STAND_IN", "good")

    def make(ref: ToolchainRef, max_micro_usd: int = 2_000_000, cell: str = "cell") -> RoundContext:
        root = tmp_path / cell
        prompt = "--- Repair `add`; it subtracts.\n"
        context = round_context(root, ref, prompt=prompt, seed=7, max_micro_usd=max_micro_usd)
        (root / "checkout" / "calc.py").write_text(BUGGY)
        (root / "manifest.json").write_text("{}")
        return context

    return make


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def start(context: RoundContext, invocation: Invocation, known: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The program with exactly the environment, standard input and secrets that were asked for."""
    secrets = {name: known[name] for name in invocation.secrets if name in known}
    stdin = subprocess.DEVNULL if invocation.stdin is None else invocation.stdin.open("rb")
    try:
        with (
            (context.out / "stdout").open("wb") as stdout,
            (context.out / "stderr").open("wb") as stderr,
        ):
            return subprocess.Popen(
                invocation.argv,
                env={**invocation.env, **secrets},
                cwd=context.checkout,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
    finally:
        if not isinstance(stdin, int):
            stdin.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Run an adapter's program; stop it when `stop_when` says so, or at the money of the round."""
    own = Path(sys.executable).parent
    monkeypatch.setenv("PATH", os.pathsep.join([str(STAND_INS), str(own), os.environ["PATH"]]))

    def go(
        toolchain: Toolchain,
        context: RoundContext,
        how: str = "good",
        stop: Ending | None = None,
        stop_when: Callable[[], bool] = lambda: False,
        secrets: Mapping[str, str] = SECRETS,
    ) -> Run:
        monkeypatch.setenv("STAND_IN", how)
        invocation = toolchain.invocation(context)
        process = start(context, invocation, secrets)
        stdout, seen, ended = context.out / "stdout", [], "exit"
        deadline = time.monotonic() + 120
        while process.poll() is None:
            seen.append(toolchain.spent(context, stdout))
            if seen[-1] is not None and seen[-1] > context.max_micro_usd > 0:
                ended = "cap"
            elif stop is not None and stop_when():
                ended = stop
            elif time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            else:
                _kill(process)
                pytest.fail(f"still running: {(context.out / 'stderr').read_text()}")
            _kill(process)
        seen.append(toolchain.spent(context, stdout))
        code = process.returncode if ended == "exit" and process.returncode >= 0 else None
        finished = Finished(code, stdout, context.out / "stderr", ended, 1)  # type: ignore[arg-type]
        fixed = (context.checkout / "calc.py").read_text() == BUGGY.replace("-", "+")
        return Run(toolchain.report(context, finished), finished, invocation, fixed, seen)

    return go
