"""The repairer runs tests as the gate does, and where it can run none its round is an error."""

from typing import Any

import pytest

from tests.fixtures.executions import Orders, Repository
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.result import ExecutionResult
from workers.spec import Gate, ToolchainRef

BUG = "def add(a, b):\n    return a - b\n"
TESTS = "from {module} import add\n\n\ndef test_adds():\n    assert add(2, 3) == 5\n"
REPAIR = ToolchainRef(name="repair")
# A virtual environment that has the worker's pytest, and a module of its own.
SETUP = """
import pathlib, subprocess, sys, pytest
place = pathlib.Path(sys.argv[1]) / "venv"
subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
site = next(place.glob("lib/python*/site-packages"))
(site / "workers_own.pth").write_text(str(pathlib.Path(pytest.__file__).parents[1]))
(site / "only_of_setup.py").write_text("ONE = 1")
"""


def repaired(
    orders: Orders, machine: Machine, at: Repository, *command: str, **given: Any
) -> ExecutionResult:
    gate = Gate(name="test", command=list(command), junit=given.pop("junit", True), timeout_seconds=60)
    order = orders(REPAIR, at=at, gates=[gate], baseline=[], minutes=60, **given)
    return run_execution(order, machine, Control())


@pytest.fixture
def in_src(repository: Repository) -> Repository:
    return repository.add(
        {
            "sub/src/calcpkg/__init__.py": BUG,
            "sub/tests/test_sub.py": TESTS.format(module="calcpkg"),
            "sub/conftest.py": "import os\nassert os.environ.get('MODE') == 'test'\n"
            "assert 'BENCH_RESULT' not in os.environ\n",
        }
    )


@pytest.mark.parametrize(
    "command",
    [
        ("env", "MODE=test", "PYTHONPATH=sub/src", "python", "-m", "pytest", "-q", "sub/tests"),
        ("env", "MODE=test", "PYTHONPATH=sub/src", "pytest", "-q", "sub/tests"),
        (
            "sh",
            "-c",
            "cd sub && export MODE=test && PYTHONPATH=src python -m pytest -q tests --junitxml=$BENCH_JUNIT",
        ),
    ],
)
def test_it_has_the_variables_of_the_gate(
    order: Orders, machine: Machine, in_src: Repository, command: tuple[str, ...]
) -> None:
    result = repaired(order, machine, in_src, *command)
    assert (result.status, result.candidates[0].files_modified) == (
        "success",
        ["sub/src/calcpkg/__init__.py"],
    )


def test_it_finds_the_packages_of_set_up(order: Orders, machine: Machine, repository: Repository) -> None:
    tests = "import only_of_setup\n" + TESTS.format(module="calc")
    base = repository.add({"tests/test_calc.py": tests})
    setup = ["python", "-c", SETUP, "{setup_dir}"]
    result = repaired(order, machine, base, "python", "-m", "pytest", "-q", "tests", setup=setup)
    assert (result.status, result.message[:17]) == ("success", "repaired at calc.")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("env", "MODE=test", "python", "-m", "pytest", "sub/tests"), "lacks the module calcpkg"),
        (("python", "-m", "pytest", "sub/tests"), "cannot be run: pytest ended with exit code 4"),
        (("env", "MODE=test", "python3.98", "-m", "pytest", "sub/tests"), "python3.98"),
        (("python", "-m", "pytest", "--no-such-option"), "unrecognized arguments: --no-such-option"),
        (("python", "-m", "pytest", "notes"), "cannot be run"),
        (("make", "test"), "no required gate runs pytest"),
        (("python", "-m", "pytest", "tests", "-k", "zero"), "there is nothing to repair"),
    ],
)
def test_where_it_can_run_no_test_its_round_is_an_error(
    order: Orders, machine: Machine, in_src: Repository, command: tuple[str, ...], why: str
) -> None:
    result = repaired(order, machine, in_src, *command)
    assert (result.status, result.error_class) == ("error", "infra")
    assert why in result.message
    assert result.candidates[0].rounds[0].fail_codes == ["cannot_try"]


def test_a_name_that_the_code_lacks_is_an_honest_failure(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    base = repository.add({"tests/test_calc.py": "from calc import multiply\n\n\ndef test_it():\n    pass\n"})
    result = repaired(order, machine, base, "python", "-m", "pytest", "-q", "tests")
    assert (result.status, result.candidates[0].rounds[0].status) == ("failed", "failed")
