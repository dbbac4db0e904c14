"""The adapter against the real mini-swe-agent, with its own deterministic model in place of a provider's."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.toolchains.tests_toolchains_support import ref_of
from workers.spec import ToolchainRef
from workers.toolchains import version
from workers.toolchains.base import RoundContext
from workers.toolchains.registry import get_toolchain

ROOT = Path(__file__).resolve().parents[3]
MINI = Path(os.environ.get("BENCH_TEST_MINI", ROOT / ".venv-mini" / "bin" / "mini"))
FIX = "sed -i.bak 's/a - b/a + b/' calc.py && rm calc.py.bak"
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"

pytestmark = pytest.mark.slow
MakeContext = Callable[..., RoundContext]


@pytest.fixture
def script(
    tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., ToolchainRef]:
    """Put the real program on PATH and write the answers that its deterministic model gives."""
    if not MINI.exists():
        pytest.fail(
            f"no mini-swe-agent at {MINI}: `python -m venv .venv-mini && .venv-mini/bin/pip install "
            "--no-deps -r tests/stand_ins/mini-requirements.txt`, or set BENCH_TEST_MINI to its `mini`"
        )
    monkeypatch.setenv("PATH", f"{MINI.parent}{os.pathsep}{os.environ['PATH']}")

    def write(*commands: str, cost: float = 0.25, **changes: Any) -> ToolchainRef:
        outputs = [
            {"role": "assistant", "content": "…", "extra": {"cost": cost, "actions": [{"command": each}]}}
            for each in commands
        ]
        agent = {"system_template": "You mend code.", "instance_template": "Task: {{task}}"}
        model = {"model_class": "deterministic", "outputs": outputs}
        config = tmp_path / "scripted.yaml"
        config.write_text(json.dumps({"agent": agent, "model": model, "environment": {}}))
        monkeypatch.setenv("MSWEA_MINI_CONFIG_PATH", str(config))
        env = ["MSWEA_MINI_CONFIG_PATH"]
        return ref_of("mini-swe-agent", model="deterministic", env=env, **changes)

    return write


TOOLCHAIN = get_toolchain("mini-swe-agent")


def test_it_repairs_and_its_cost_is_read(
    script: Callable[..., ToolchainRef], make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context = make_context(script("ls", FIX, SUBMIT))
    done = run(TOOLCHAIN, context)
    assert (done.report.status, done.report.message, done.fixed) == ("success", "submitted", True)
    assert done.report.micro_usd == 750_000
    assert done.spent[-1] == 750_000
    task = json.loads((context.out / "trajectory.json").read_text())["messages"][1]["content"]
    assert task.strip() == "Task: --- Repair `add`; it subtracts."


def test_it_overshoots_its_limit_by_one_call_and_no_more(
    script: Callable[..., ToolchainRef], make_context: MakeContext, run: Callable[..., Any]
) -> None:
    ref = script(*["ls"] * 9, cost=0.25)
    done = run(TOOLCHAIN, make_context(ref, max_micro_usd=550_000))
    assert (done.report.status, done.report.error_class) == ("error", "killed_by_cap")
    assert done.report.micro_usd == 500_000  # 0.25 is below its limit of 0.495, so one more call is made
    assert done.finished.ended_by == "exit"


def test_it_stops_at_the_turns_it_was_given(
    script: Callable[..., ToolchainRef], make_context: MakeContext, run: Callable[..., Any]
) -> None:
    done = run(TOOLCHAIN, make_context(script(FIX, *["ls"] * 9, cost=0.01, max_turns=2)))
    assert (done.report.status, done.report.message) == ("partial", "stopped at its step limit")
    assert (done.report.micro_usd, done.fixed) == (20_000, True)


def test_killed_half_way_its_spend_is_known(
    script: Callable[..., ToolchainRef], make_context: MakeContext, run: Callable[..., Any]
) -> None:
    context = make_context(script(FIX, "/sleep 60"))
    done = run(
        TOOLCHAIN,
        context,
        stop="budget",
        stop_when=lambda: TOOLCHAIN.spent(context, context.out / "stdout") is not None,
    )
    assert (done.report.status, done.report.micro_usd, done.fixed) == ("partial", 250_000, True)


def test_a_crash_of_its_model_is_no_failure_of_the_candidate(
    script: Callable[..., ToolchainRef], make_context: MakeContext, run: Callable[..., Any]
) -> None:
    done = run(TOOLCHAIN, make_context(script("ls")))
    assert (done.report.status, done.report.error_class) == ("error", "provider")
    assert done.report.message.startswith("IndexError")


def test_its_version_is_found_in_its_banner(
    script: Callable[..., ToolchainRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    # It starts slowly where the disk is busy: what it says is the point here.
    monkeypatch.setattr(version, "LIMIT_SECONDS", 120.0)
    assert TOOLCHAIN.version(script("ls")) == "2.4.6"
