"""Fixtures of the tests with real programs: one farm for all tests of a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agents.farm import AgentsFarm, agents_farm

PRICES = Path(__file__).with_name("prices.json")


@pytest.fixture(scope="session", autouse=True)
def _own_prices() -> Iterator[None]:
    """What the published prices lack, for the farms and for the scripted server in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_PRICES", str(PRICES))
        yield


@pytest.fixture
def fresh_farm() -> Iterator[AgentsFarm]:
    """A farm for one test alone, which may pause a class."""
    with agents_farm() as running:
        yield running


@pytest.fixture(scope="session")
def farm() -> Iterator[AgentsFarm]:
    with agents_farm() as running:
        yield running
