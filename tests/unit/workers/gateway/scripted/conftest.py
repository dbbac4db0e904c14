"""One server for all tests of this folder: each call has a key of its own."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from workers.gateway.scripted.scenarios import lab_key
from workers.gateway.scripted.server import ScriptedModels

_RUNS = itertools.count()


@pytest.fixture(scope="session")
def models() -> Iterator[ScriptedModels]:
    with ScriptedModels(stall_seconds=0.2) as server:
        yield server


@pytest.fixture
def key_for() -> Callable[[str], str]:
    """A key for a scenario that no other test uses."""
    return lambda scenario: lab_key(scenario, f"run-{next(_RUNS)}")
