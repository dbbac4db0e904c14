"""That the reporter sees every kind of pytest run as the project's own CI would, canary included."""

import shutil

import pytest

from tests.fixtures.executions import Orders, Repository, python
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.spec import Gate, GateBaseline

TESTS = {
    "src/shop/__init__.py": "",
    "src/shop/price.py": "def total(*parts):\n    return sum(parts)\n",
    "tests/test_all.py": """
import unittest
import shutil

import pytest
from shop.price import total

def test_right(): assert total(1, 2) == 3
def test_wrong(): assert total(1, 2) == 4
@pytest.mark.skip(reason="later")
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert total(1) == 2
@pytest.mark.parametrize("n", [1, 2])
def test_each(n): assert total(n) == n
@pytest.fixture
def breaks():
    yield
    raise RuntimeError
def test_fails_twice(breaks): assert total() == 1
class TestInClass:
    def test_method(self): assert total() == 0
class OldStyle(unittest.TestCase):
    def test_old(self): self.assertEqual(total(2), 2)
    @unittest.skip("no")
    def test_old_skipped(self): pass
""",
}
STATES = {
    "test_right": "passed",
    "test_wrong": "failed",
    "test_skipped": "skipped",
    "test_expected": "xfailed",
    "test_each[1]": "passed",
    "test_each[2]": "passed",
    "test_fails_twice": "failed",
    "TestInClass::test_method": "passed",
    "OldStyle::test_old": "passed",
    "OldStyle::test_old_skipped": "skipped",
}
PATH = ["env", "PYTHONPATH=src"]


def baseline(order: Orders, machine: Machine, at: Repository, *command: str) -> GateBaseline:
    """What a gate of this command shows on the base commit."""
    gate = Gate(name="test", command=list(command), junit=True, timeout_seconds=120)
    result = run_execution(order(kind="baseline", action=None, at=at, gates=[gate]), machine, Control())
    assert result.baseline, result.message
    return result.baseline[0]


@pytest.mark.parametrize(
    "command",
    [
        [*PATH, "python", "-m", "pytest", "-q", "tests"],
        [*PATH, "pytest"],
        [*PATH, "python", "-m", "pytest", "-n", "2", "tests"],
        [*PATH, "python", "-m", "pytest", "--import-mode=importlib", "-p", "no:cacheprovider"],
        [*PATH, "python", "-W", "error", "-m", "pytest", "-p", "no:terminal"],
        ["pytest", "-o", "pythonpath=src", "--", "tests"],
    ],
    ids=" ".join,
)
def test_every_test_is_told_by_id_whatever_the_command(
    order: Orders, machine: Machine, repository: Repository, command: list[str]
) -> None:
    (repository.path / "tests/test_calc.py").unlink()
    shown = baseline(order, machine, repository.add(TESTS), *command)
    assert shown.tests == {f"tests/test_all.py::{name}": state for name, state in STATES.items()}, (
        shown.detail
    )
    assert shown.canary
    assert (shown.ran, shown.passed) == (True, False)


def test_an_interpreter_that_ignores_its_environment_writes_a_file(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    shown = baseline(
        order, machine, repository, "python", "-I", "-m", "pytest", "-q", "-o", "pythonpath=.", "tests"
    )
    assert shown.tests == {"tests.test_calc::test_adds": "failed", "tests.test_calc::test_zero": "passed"}
    assert not shown.canary


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ({"pytest.ini": "[pytest]\naddopts = --ff\ncache_dir = .cache\n"}, ["--strict-config"]),
        ({"pytest.ini": "[pytest]\njunit_family = xunit1\nfilterwarnings = error\n",
          "tests/test_property.py": "def test_p(record_property): record_property('a', 1)\n"}, []),
        ({"tests/conftest.py": "pytest_plugins = ['own_plugin']\n", "own_plugin.py": ""}, []),
        ({"pytest.ini": "[pytest]\naddopts = -p own_plugin\n", "own_plugin.py": ""}, []),
        ({"tests/conftest.py": "import pytest\n@pytest.fixture(autouse=True, scope='session')\n"
          "def once(tmp_path_factory):\n    (tmp_path_factory.mktemp('x')/'y').touch()\n    yield\n"}, []),
    ],
    ids=["cache", "junit family", "plugins of a conftest", "a plugin of its own", "session fixtures"],
)  # fmt: skip
def test_a_projects_own_configuration_runs(
    order: Orders, machine: Machine, repository: Repository, files: dict[str, str], options: list[str]
) -> None:
    shown = baseline(order, machine, repository.add(files), "python", "-m", "pytest", *options, "tests")
    assert shown.ran, shown.detail
    assert (shown.tests or {})["tests/test_calc.py::test_adds"] == "failed"
    assert shown.canary


def test_a_set_up_that_hides_failures_is_told(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    hides = (
        "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
        "    outcome = yield\n    outcome.get_result().outcome = 'passed'\n"
    )
    shown = baseline(
        order, machine, repository.add({"conftest.py": hides}), "python", "-m", "pytest", "tests"
    )
    assert not shown.ran
    assert "a test that must fail did not" in shown.detail


def test_a_file_that_cannot_be_collected_is_no_test(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    broken = repository.add({"calc.py": "def add(a, b):\n    return a +\n"})
    shown = baseline(order, machine, broken, "python", "-m", "pytest", "tests")
    assert (shown.ran, shown.passed, shown.tests, shown.collected) == (True, False, None, None)


def test_the_gates_output_shows_no_canary(order: Orders, machine: Machine, repository: Repository) -> None:
    shown = baseline(order, machine, repository, "python", "-m", "pytest", "-v", "tests")
    assert "1 failed, 1 passed" in shown.detail


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_node_gate_is_judged_test_by_test(order: Orders, machine: Machine, repository: Repository) -> None:
    base = repository.add(
        {
            "sum.js": "module.exports = (a, b) => a - b;\n",
            "sum.test.js": "const test = require('node:test'); const assert = require('node:assert');\n"
            "const sum = require('./sum.js');\n"
            "test('adds', () => assert.strictEqual(sum(1, 2), 3));\n"
            "test('zero', () => assert.strictEqual(sum(0, 0), 0));\n"
            "test('later', { skip: true }, () => {});\n",
        }
    )
    command = [
        "node",
        "--test",
        "--test-reporter=junit",
        "--test-reporter-destination={junit}",
        "sum.test.js",
    ]
    shown = baseline(order, machine, base, *command)
    assert sorted((shown.tests or {}).values()) == ["failed", "passed", "skipped"], shown.detail
    gate = Gate(name="test", command=command, junit=True)
    right = python("open('sum.js', 'w').write('module.exports = (a, b) => a + b;')")
    fixed = run_execution(order(right, at=base, gates=[gate], baseline=[shown]), machine, Control())
    assert (fixed.status, fixed.fail_codes) == ("success", [])
    skips = python("open('sum.js', 'w').write('process.exit(0)')")
    given = order(skips, at=base, gates=[gate], baseline=[shown], attempt=2)
    cheat = run_execution(given, machine, Control())
    assert (cheat.status, "fewer_tests" in cheat.fail_codes) == ("failed", True)
