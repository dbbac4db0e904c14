"""Datasets a small network learns in a second, and what training needs to run on them quickly."""

from typing import Any

import pytest

from planner.dataset.read import Dataset, read_dataset
from planner.training.config import TrainingConfig
from planner.training.networks.network import NetworkConfig
from tests.fixtures.planner_examples import write_dataset

SMALL = NetworkConfig(hidden=64, depth=2, token_width=16, token_layers=1, attention_heads=2)


def quick(kind: Any = "mlp", **changes: Any) -> TrainingConfig:
    """A configuration that learns much in few epochs, on one thread."""
    usual: dict[str, Any] = {
        "network": SMALL,
        "epochs": 3,
        "learning_rate": 3e-3,
        "threads": 1,
        "min_examples": 1,
    }
    return TrainingConfig(kind=kind, **(usual | {"min_agreement": 0.0} | changes))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """240 examples whose labels follow from risk and size, but for some noise."""
    return read_dataset(write_dataset(tmp_path_factory.mktemp("data") / "d", n=240, seed=5))
