"""Ground truth of a synthetic world: the exact value of any policy."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from planner.errors import PlannerError
from planner.worlds.generate import ACTIONS, Floats, Values

TRUTH_FILE: Final = "truth.json"
TRUTH_VERSION: Final = "cyntra.planner_world_truth.v1"


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """Expected utility of every action on N issues."""

    dataset_hash: str
    issue_ids: tuple[str, ...]
    utility: Floats
    """Expected utility (N, actions) in canonical order."""

    @property
    def best_fixed(self) -> int:
        """Index of the fixed action with the highest mean utility over all issues."""
        return int(self.utility.mean(axis=0).argmax())

    def of(self, issue_ids: Sequence[str]) -> Floats:
        """Expected utility of these issues (n, actions). Raises `PlannerError` where one is not of this world."""
        index_of = {issue_id: index for index, issue_id in enumerate(self.issue_ids)}
        missing = [issue_id for issue_id in issue_ids if issue_id not in index_of]
        if missing:
            raise PlannerError(f"issue {missing[0]!r} is not of this world; score its own dataset")
        return self.utility[[index_of[issue_id] for issue_id in issue_ids]]

    def gains(self, issue_ids: Sequence[str], distributions: Floats) -> tuple[Floats, Floats]:
        """Gains of a policy and of the oracle over the best fixed action on each issue, both (n,).

        `distributions` (n, actions) are the policy's; its value on an issue is its expected utility. The policy closes
        the share sum(first) / sum(second) of the gap between the best fixed action and the oracle.
        """
        values = self.of(issue_ids)
        fixed = values[:, self.best_fixed]
        return (distributions * values).sum(axis=1) - fixed, values.max(axis=1) - fixed


def read_ground_truth(directory: Path) -> GroundTruth:
    """Read the expected values of a world. Raises `PlannerError` where they are missing or of another version."""
    path = directory / TRUTH_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlannerError(f"{directory}: {TRUTH_FILE} is missing; planner world makes one") from None
    except ValueError as error:
        raise PlannerError(f"{path}: not JSON: {error}") from None
    return _truth(document, path)


def _truth(document: Any, path: Path) -> GroundTruth:
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != TRUTH_VERSION or document["actions"] != [list(action) for action in ACTIONS]:
        raise PlannerError(f"{path}: not of version {TRUTH_VERSION} over this action space")
    issues = document["issues"]
    passing, minutes, dollars = (
        np.array([issue[name] for issue in issues]) for name in ("pass", "minutes", "dollars")
    )
    return GroundTruth(
        dataset_hash=document["dataset_hash"],
        issue_ids=tuple(issue["issue_id"] for issue in issues),
        utility=Values(passing, minutes, dollars).utility,
    )
