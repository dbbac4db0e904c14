"""Examples and decisions small enough to work out by hand."""

import random
from typing import Any

import numpy as np

from planner.actions import Action, canonical_rank
from planner.evaluation.decisions import Decisions
from tests.fixtures.planner_examples import candidate, example

SERIAL_15 = Action("serial_handoff", 1, 15, "NA")
SERIAL_60 = Action("serial_handoff", 1, 60, "NA")
THREE_60 = Action("speculate_vote", 3, 60, "NA")
THREE_NA = Action("speculate_vote", 3, "NA", "NA")


def tried(action: Action, replicate: int, status: str, minutes: float, dollars: float | None) -> Any:
    """One execution of one arm."""
    failed = candidate(random.Random(0), action, replicate, False)
    failed["outcome"] |= {"status": status, "duration_ms": round(minutes * 60_000), "cost_usd": dollars}
    return failed


def benched_example(issue_id: str, label: Action, candidates: Any) -> Any:
    """An example of a `code` issue with these executions."""
    drawn = example(random.Random(1), benched=True, job_type="code", issue={"issue_id": issue_id})
    drawn.pop("soft_label", None)
    drawn["label_action"] |= {
        "swarm_id": label.swarm_id,
        "budgets": dict(
            zip(("max_candidates_bin", "max_minutes_bin", "max_iterations_bin"), label[1:], strict=True)
        ),
    }
    return drawn | {"candidates": candidates}


def sure(actions: Any, policy_id: str = "mine", probability: float = 1.0) -> Any:
    """Decisions for these actions, each with this probability."""
    cells = np.array([canonical_rank(action) for action in actions], dtype=np.int16)
    each = np.full(len(cells), probability, dtype=np.float64)
    return Decisions(policy_id, cells, each, np.repeat(each[:, None], 4, axis=1))
