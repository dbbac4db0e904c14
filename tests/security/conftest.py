"""Which sandbox the attacks run in: the machine's best, or the rung that BENCH_TEST_RUNG names (`make rungs`)."""

import os
from collections.abc import Iterator

import pytest

from tests.fixtures.rungs import OFFERED, forced


@pytest.fixture(autouse=True)
def _rung() -> Iterator[None]:
    name = os.environ.get("BENCH_TEST_RUNG")
    if name is None:
        yield
        return
    if name not in OFFERED:
        pytest.skip(f"this machine offers no sandbox {name}")
    with forced(name):
        yield
