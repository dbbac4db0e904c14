"""The policy under evaluation: a model directory or a bundle, with and without calibration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from planner.bundles.bundle import open_bundle
from planner.bundles.policy import BundlePolicy
from planner.dataset.read import Dataset
from planner.errors import PlannerError
from planner.policies.base import Policy
from planner.space.heads import HEADS

NEUTRAL: Final = dict.fromkeys(HEADS, 1.0)
"""The temperatures of a policy that was not calibrated."""


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


def bundled(path: Path) -> Subject:
    """A bundle, run by onnxruntime; a `PlannerError` where it is refused."""
    bundle = open_bundle(path)
    plain = BundlePolicy(bundle, calibrated=False) if dict(bundle.temperatures) != NEUTRAL else None
    dataset: Mapping[str, Any] = bundle.metadata["dataset"]
    return Subject(BundlePolicy(bundle), plain, path, dataset.get("dataset_hash"), bundle.epoch)
