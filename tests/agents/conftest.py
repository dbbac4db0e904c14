"""Fixtures of the tests with real programs: one farm for all tests of a process."""

from collections.abc import Iterator

import pytest

from tests.agents.farm import AgentsFarm, agents_farm


@pytest.fixture
def fresh_farm() -> Iterator[AgentsFarm]:
    """A farm for one test alone, which may pause a class."""
    with agents_farm() as running:
        yield running


@pytest.fixture(scope="session")
def farm() -> Iterator[AgentsFarm]:
    with agents_farm() as running:
        yield running
