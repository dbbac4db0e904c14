"""The policy under evaluation, with and without calibration."""

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
"""Temperatures without calibration."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A policy under evaluation and its provenance."""

    policy: Policy
    uncalibrated: Policy | None = None
    """The same policy with all temperatures at 1; None where they are 1 already."""
    path: Path | None = None
    trained_on: str | None = None
    """Digest of the training dataset; None where unknown."""
    epoch: str | None = None

    def fits(self, dataset: Dataset) -> None:
        """Check the policy epoch. Raises `PlannerError` where the dataset is of another one than the training data."""
        if self.epoch != dataset.meta.epoch:
            raise PlannerError(
                f"{self.path} was trained under policy epoch {self.epoch or 'mixed'}, {dataset.directory} is of "
                f"{dataset.meta.epoch or 'mixed'}: evaluate on data of the same epoch, or train on these"
            )


def bundled(path: Path) -> Subject:
    """The policy of a bundle, run by onnxruntime. Raises `PlannerError` where the bundle is invalid."""
    bundle = open_bundle(path)
    plain = BundlePolicy(bundle, calibrated=False) if dict(bundle.temperatures) != NEUTRAL else None
    dataset: Mapping[str, Any] = bundle.metadata["dataset"]
    return Subject(BundlePolicy(bundle), plain, path, dataset.get("dataset_hash"), bundle.epoch)
