"""The repairer repairs bugs it was not made for: a thin cut of the held-out bugs, with short budgets."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CUT = ("percent_change", "flatten", "matrix_transpose", "interval_merge", "stack_machine")


def measured(folder: Path, *options: str) -> list[dict[str, Any]]:
    file = folder / "runs.json"
    command = [sys.executable, "-m", "benchmarks.repair_rate", "--json", str(file), *options]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=280)
    runs: list[dict[str, Any]] = json.loads(file.read_text())
    return runs


@pytest.mark.slow
def test_at_least_half_of_a_cut_of_unseen_bugs_is_repaired_within_seconds(tmp_path: Path) -> None:
    runs = measured(tmp_path, "--budgets", "8", "--seeds", "7", "--names", *CUT)
    fixed = [run["name"] for run in runs if run["fixed"]]
    assert len(fixed) >= len(CUT) / 2, [run["message"] for run in runs if not run["fixed"]]


@pytest.mark.slow
def test_two_edits_take_two_rounds(tmp_path: Path) -> None:
    options = ("--set", "two_edits", "--rounds", "2", "--budgets", "20", "--seeds", "3")
    (run,) = measured(tmp_path, *options, "--names", "cart")
    assert (run["fixed"], run["rounds"]) == (True, 2), run["message"]
