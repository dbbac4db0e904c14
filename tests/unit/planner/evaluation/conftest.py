"""Random examples to compare with naive code."""

import pytest

from planner.dataset.arrays import EncodedExamples, encode_examples
from tests.fixtures.planner_examples import examples


@pytest.fixture(scope="session")
def random_examples() -> EncodedExamples:
    """120 examples of 40 issues of all job types, half of them benched."""
    return encode_examples(examples(120, seed=5))
