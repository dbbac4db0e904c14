"""The way of an execution, with real Git, real processes and real gates."""

import json
from pathlib import Path

from execution_support import Orders

from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution


def test_a_fix_is_verified_recorded_and_leaves_no_directory_behind(order: Orders, machine: Machine) -> None:
    result = run_execution(order(), machine, Control())
    assert result.status == "success", result.candidates[0]
    assert (result.status, result.message, result.fail_codes) == ("success", "", [])
    assert result.chosen == 0
    archive = Path(result.candidates[0].archive or "")
    assert "+    return a + b" in (archive / "patch.diff").read_text()
    assert json.loads((archive / "proof.json").read_text())["verification"]["all_passed"] is True
    assert not list((machine.work_dir / "cells").iterdir())
