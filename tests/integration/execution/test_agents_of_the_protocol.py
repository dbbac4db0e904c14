"""An agent of the Agent Client Protocol in the sandbox, where only what it needs can be read."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.executions import Orders
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.spec import ToolchainRef

STAND_INS = Path(__file__).resolve().parents[2] / "stand_ins"


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    """An agent with a file of its own, installed where no sandboxed program can read."""
    folder = tmp_path / "agent" / "bin"
    folder.mkdir(parents=True)
    for name in ("acp-agent", "acting.py"):
        shutil.copy(STAND_INS / name, folder)
    return folder


@pytest.mark.parametrize("is_on_path", [True, False])
def test_an_agent_repairs_in_the_sandbox_and_its_cost_is_what_passed_the_gateway(
    is_on_path: bool, agent: Path, order: Orders, machine: Machine
) -> None:
    path = f"{agent}:{machine.path}" if is_on_path else machine.path
    machine = replace(machine, secrets={"ANTHROPIC_API_KEY": "sk-ant-dummy"}, path=path)
    program = "acp-agent" if is_on_path else str(agent / "acp-agent")
    ref = ToolchainRef(name="acp", argv=[program], provider="anthropic", network=False)
    candidate = run_execution(order(ref, minutes=100), machine, Control()).candidates[0]
    assert (candidate.status, candidate.files_modified) == ("success", ["calc.py"]), candidate.rounds
    assert (candidate.micro_usd, candidate.cost_source) == (0, "metered")  # its model is a script
    archived = (Path(candidate.archive or "") / "logs" / "round-1.stdout").read_text().splitlines()
    assert json.loads(archived[-1]) == {"type": "result", "stop_reason": "end_turn"}
