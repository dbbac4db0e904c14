"""Fixtures: a real repository with a real bug, a machine, and a builder of work orders."""

from pathlib import Path
from typing import Any

import pytest
from execution_support import BASELINE, FILES, FIX, GATE, Orders, Repository, git, python

from workers.execution.machine import Machine
from workers.spec import PlannedAction, ToolchainRef, Workcell, WorkOrder


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    path = tmp_path / "repo"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    return Repository(path, "").add(FILES)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "work", tmp_path / "archives", tmp_path / "work" / "mirrors")


@pytest.fixture
def order(repository: Repository) -> Orders:
    """Builds a work order; keywords of the order, its action and its workcell may be mixed."""

    def build(*toolchains: ToolchainRef, at: Repository | None = None, **given: Any) -> WorkOrder:
        source = at or repository
        action = {"swarm_id": "serial_handoff", "candidates": 1, "minutes": 30, "iterations": 1}
        action.update({name: given.pop(name) for name in tuple(given) if name in action})
        cell = {"repo": str(source.path), "base": source.commit, "gates": [GATE], "seconds_per_minute": 1.0}
        cell.update({name: given.pop(name) for name in tuple(given) if name in Workcell.model_fields})
        # Time costs nothing unless a test prices it.
        cell["rates"] = {"usd_per_minute": 0.0, **cell.get("rates", {})}
        return WorkOrder(
            **{
                "execution_id": 1,
                "attempt": 1,
                "lease_token": "token",
                "lease_seconds": 180,
                "kind": "arm",
                "bench_id": "bench",
                "issue": {"id": "i-1", "title": "Sums are wrong", "description": "add() subtracts"},
                "job_type": "code",
                "workcell": Workcell(toolchains=list(toolchains) or [python(FIX)], **cell),
                "action": PlannedAction(**action),
                "baseline": [BASELINE],
                **given,
            }
        )

    return build
