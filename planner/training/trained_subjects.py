"""Model directories as subjects of an evaluation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from planner.errors import PlannerError
from planner.evaluation.subjects import NEUTRAL, Subject
from planner.training.trained import TrainedPolicy, load_trained


def trained(path: Path) -> Subject:
    """A model directory, run by torch; a `PlannerError` where it is none or reads another encoding."""
    policy = load_trained(path)
    dataset: Mapping[str, Any] = policy.report["dataset"]
    plain = None
    if policy.config["temperatures"] != NEUTRAL:
        plain = TrainedPolicy(policy.module, policy.config | {"temperatures": NEUTRAL}, policy.report)
    return Subject(policy, plain, path, dataset["dataset_hash"], dataset["epoch"])


def shuffled(path: Path) -> Subject:
    """A model directory that was trained on shuffled labels; a `PlannerError` where it was not."""
    if not load_trained(path).report["config"]["shuffle_labels"]:
        raise PlannerError(
            f"{path} learnt true labels: the control is trained with planner train --shuffle-labels"
        )
    return trained(path)
