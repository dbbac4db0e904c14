"""Fixtures shared by all tests, and their order."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.fixtures.bundles",
    "tests.fixtures.executions",
    "tests.fixtures.object_store",
    "tests.fixtures.page",
    "tests.fixtures.private_repository",
    "tests.fixtures.servers",
]

# A loaded machine is not a wrong answer, so no example has a deadline.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("unhurried", UNHURRIED)
settings.register_profile("same-examples", UNHURRIED, derandomize=True, database=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _no_farm_keeps_data_outside_the_tests() -> Iterator[None]:
    """As root, a farm below pytest's private directories has its data elsewhere; here they go at the end."""
    store = Path(tempfile.mkdtemp(prefix="bf-store-"))
    store.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_EMBEDDED_HOME", str(store))
        yield
    shutil.rmtree(store, ignore_errors=True)


@pytest.hookimpl(trylast=True)  # after they were shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first in the share of each test process: the last of them must not keep the others waiting."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    others = [item for item in items if not item.get_closest_marker("slow")]
    shares = []
    for number in range(processes):
        begin, end = (len(others) * at // processes for at in (number, number + 1))
        shares += slow[number::processes] + others[begin:end]
    items[:] = shares
