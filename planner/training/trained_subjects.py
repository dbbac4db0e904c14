"""Model directories as subjects of an evaluation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from planner.errors import PlannerError
from planner.evaluation.subjects import NEUTRAL, Subject
from planner.training.trained import TrainedPolicy, load_trained


def trained(path: Path) -> Subject:
    """Load a model directory for evaluation. Raises `PlannerError` where it is invalid or reads another encoding."""
    policy = load_trained(path)
    dataset: Mapping[str, Any] = policy.report["dataset"]
    plain = None
    if policy.config["temperatures"] != NEUTRAL:
        plain = TrainedPolicy(policy.module, policy.config | {"temperatures": NEUTRAL}, policy.report)
    return Subject(policy, plain, path, dataset["dataset_hash"], dataset["epoch"])


def shuffled(path: Path) -> Subject:
    """Load the control, a model trained on permuted labels. Raises `PlannerError` where it was not."""
    if not load_trained(path).report["config"]["shuffle_labels"]:
        raise PlannerError(
            f"{path} was trained on unshuffled labels: train the control with planner train --shuffle-labels"
        )
    return trained(path)
