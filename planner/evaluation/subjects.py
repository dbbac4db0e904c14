"""The policy under evaluation: a model directory or a bundle, with and without calibration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from planner.bundle import open_bundle
from planner.bundle_policy import BundlePolicy
from planner.dataset.read import Dataset
from planner.errors import PlannerError
from planner.heads import HEADS
from planner.policies.base import Policy

_NEUTRAL: Final = dict.fromkeys(HEADS, 1.0)


@dataclass(frozen=True, slots=True)
class Subject:
    """A policy and where it comes from."""

    policy: Policy
    uncalibrated: Policy | None = None
    """The same with all temperatures at 1; None where they are."""
    path: Path | None = None
    trained_on: str | None = None
    """Hash of the dataset it was trained on; None where that is not known."""
    epoch: str | None = None

    def fits(self, dataset: Dataset) -> None:
        """A `PlannerError` where the dataset is of another policy epoch than the training data."""
        if self.epoch != dataset.meta.epoch:
            raise PlannerError(
                f"{self.path} was trained under policy epoch {self.epoch or 'mixed'}, {dataset.directory} is of "
                f"{dataset.meta.epoch or 'mixed'}: evaluate on data of the same epoch, or train on these"
            )


def trained(path: Path) -> Subject:
    """A model directory, run by torch; a `PlannerError` where it is none or reads another encoding."""
    from planner.training.trained import TrainedPolicy, load_trained

    policy = load_trained(path)
    dataset: Mapping[str, Any] = policy.report["dataset"]
    plain = None
    if policy.config["temperatures"] != _NEUTRAL:
        plain = TrainedPolicy(policy.module, policy.config | {"temperatures": _NEUTRAL}, policy.report)
    return Subject(policy, plain, path, dataset["dataset_hash"], dataset["epoch"])


def shuffled(path: Path) -> Subject:
    """A model directory that was trained on shuffled labels; a `PlannerError` where it was not."""
    from planner.training.trained import load_trained

    if not load_trained(path).report["config"]["shuffle_labels"]:
        raise PlannerError(
            f"{path} learnt true labels: the control is trained with planner train --shuffle-labels"
        )
    return trained(path)


def bundled(path: Path) -> Subject:
    """A bundle, run by onnxruntime; a `PlannerError` where it is refused."""
    bundle = open_bundle(path)
    plain = BundlePolicy(bundle, calibrated=False) if dict(bundle.temperatures) != _NEUTRAL else None
    dataset: Mapping[str, Any] = bundle.metadata["dataset"]
    return Subject(BundlePolicy(bundle), plain, path, dataset.get("dataset_hash"), bundle.epoch)
