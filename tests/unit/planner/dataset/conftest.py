"""Fixtures of the tests of datasets."""

from pathlib import Path

import pytest

from tests.fixtures.dataset_builder import DatasetBuilder


@pytest.fixture
def builder(tmp_path: Path) -> DatasetBuilder:
    return DatasetBuilder(tmp_path)
