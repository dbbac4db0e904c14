"""What a hostile patch tries on the gates that judge it, each with its right verdict."""

from pathlib import Path

import pytest

from tests.fixtures.executions import FIX, Orders, Repository, python
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.result import ExecutionResult
from workers.spec import Gate, GateBaseline, WorkOrder

GATE = Gate(name="test", command=["python", "-m", "pytest", "-q", "tests"], junit=True, timeout_seconds=60)
TESTS = {"tests/test_calc.py::test_adds": "failed", "tests/test_calc.py::test_zero": "passed"}
BASELINE = GateBaseline.model_validate(
    {
        "name": "test",
        "passed": False,
        "collected": 2,
        "skipped": 0,
        "xfailed": 0,
        "tests": TESTS,
        "canary": True,
    }
)
UNCOLLECTED = GateBaseline(name="test", passed=False)
PASS_ALL = """
def pytest_runtest_makereport(item, call):
    from _pytest.reports import TestReport
    report = TestReport.from_item_and_call(item, call)
    report.outcome, report.longrepr = "passed", None
    return report
"""
"""A plugin that makes every test pass."""
AT_IMPORT = """
import _pytest.runner as runner
real = runner.CallInfo.from_call
def pass_all(cls, func, when, reraise=None):
    return real(lambda: None, when, reraise)
runner.CallInfo.from_call = classmethod(pass_all)
def add(a, b): return a - b
"""
"""Code under test that patches the runner as it is imported."""


def run(order: WorkOrder, machine: Machine) -> ExecutionResult:
    return run_execution(order, machine, Control())


def writes(files: dict[str, str]) -> str:
    """Code that writes files into the check-out."""
    return (
        f"from pathlib import Path\nfor name, text in {files!r}.items():\n"
        "    Path(name).parent.mkdir(parents=True, exist_ok=True); Path(name).write_text(text)\n"
    )


def verdict(order: Orders, machine: Machine, files: dict[str, str], **given: object) -> ExecutionResult:
    return run(order(python(writes(files)), **{"baseline": [BASELINE], "gates": [GATE], **given}), machine)


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"conftest.py": PASS_ALL}, "protected_path"),
        ({"pytest.ini": "[pytest]\naddopts = -k zero\n"}, "protected_path"),
        ({".pytest.ini": "[pytest]\naddopts = -k zero\n"}, "protected_path"),
        ({"pytest.toml": "[pytest]\naddopts = ['-k', 'zero']\n"}, "protected_path"),
        ({"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p evil'\n", "evil.py": PASS_ALL}, "protected_path"),
        ({"setup.cfg": "[tool:pytest]\naddopts = -p evil\n", "evil.py": PASS_ALL}, "protected_path"),
        ({"tox.ini": "[pytest]\naddopts = -p evil\n", "evil.py": PASS_ALL}, "protected_path"),
        ({"pluggy.py": "raise SystemExit(0)"}, "protected_path"),
        ({"argparse.py": "import os; os._exit(0)"}, "protected_path"),
        ({"iniconfig/__init__.py": "import os; os._exit(0)"}, "protected_path"),
        ({"sitecustomize.py": "import os; os._exit(0)"}, "protected_path"),
        (
            {"evil.py": PASS_ALL, "evil.egg-info/entry_points.txt": "[pytest11]\nevil = evil\n",
             "evil.egg-info/PKG-INFO": "Metadata-Version: 1.0\nName: evil\nVersion: 1\n"},
            "protected_path",
        ),
    ],
)  # fmt: skip
def test_a_gates_configuration_is_the_bases(
    order: Orders, machine: Machine, files: dict[str, str], code: str
) -> None:
    result = verdict(order, machine, files)
    assert result.status == "failed", result.gates[0].output_tail
    assert set(result.fail_codes) == {code, "tests_failed"}
    assert result.gates[0].score == 0.5, result.gates[0].output_tail


def test_metadata_in_the_check_out_offers_no_plugin(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    """The second wall: where a distribution does lie in the check-out, pytest does not look for plugins there."""
    base = repository.add(
        {
            "evil.py": PASS_ALL,
            "evil.egg-info/entry_points.txt": "[pytest11]\nevil = evil\n",
            "evil.egg-info/PKG-INFO": "Metadata-Version: 1.0\nName: evil\nVersion: 1\n",
        }
    )
    result = verdict(order, machine, {"x": ""}, at=base)
    assert (result.status, result.fail_codes) == ("failed", ["tests_failed"])


def test_the_rest_of_a_shared_file_is_the_candidates_and_flagged(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    base = repository.add(
        {"pyproject.toml": "[project]\nname = 'x'\n[tool.pytest.ini_options]\ntestpaths = ['tests']\n"}
    )
    wanted = "[project]\nname = 'y'\n[tool.pytest.ini_options]\ntestpaths = ['elsewhere']\n"
    code = FIX + "\n" + writes({"pyproject.toml": wanted})
    shown = "import tomllib; d = tomllib.load(open('pyproject.toml', 'rb')); print(d)"
    gates = [GATE, Gate(name="shown", command=["python", "-c", shown])]
    result = run(order(python(code), at=base, gates=gates, baseline=[BASELINE]), machine)
    assert (result.status, result.fail_codes) == ("success", ["protected_path", "shared_config"])
    tail = result.gates[1].output_tail
    assert "'name': 'y'" in tail
    assert "'testpaths': ['tests']" in tail


def test_an_owner_may_allow_what_is_protected_by_default(order: Orders, machine: Machine) -> None:
    code = FIX + "\n" + writes({"conftest.py": "X = 1\n"})
    allowed = run(
        order(python(code), baseline=[BASELINE], protected_paths=["tests/**", "!conftest.py"]), machine
    )
    assert (allowed.status, allowed.fail_codes) == ("success", [])
    issue = {"id": "i", "title": "t", "forbidden_paths": ["!conftest.py"]}
    forbidden = run(order(python(code), baseline=[BASELINE], issue=issue), machine)
    assert forbidden.fail_codes == ["protected_path"], "an issue takes no protection away"


@pytest.mark.parametrize(
    ("calc", "codes"),
    [
        ("import pytest; pytest.skip('no', allow_module_level=True)", {"exit_5", "fewer_tests", "new_skips"}),
        ("def add(a, b):\n    import pytest\n    pytest.skip('no')", {"new_skips"}),
        ("def add(a, b):\n    import unittest\n    raise unittest.SkipTest('no')", {"new_skips"}),
        ("def add(a, b):\n    import pytest\n    pytest.xfail('no')", {"new_xfails"}),
        ("def add(a, b):\n    import pytest\n    if a: pytest.skip('no')\n    return 0", {"new_skips"}),
    ],
)
@pytest.mark.parametrize("baseline", [BASELINE, UNCOLLECTED], ids=["collected", "not collected"])
def test_a_skip_is_not_a_pass(
    order: Orders, machine: Machine, calc: str, codes: set[str], baseline: GateBaseline
) -> None:
    result = verdict(order, machine, {"calc.py": calc}, baseline=[baseline])
    assert result.status == "failed"
    assert codes <= set(result.fail_codes), result.fail_codes


RUNNER_PATCHES = {
    "patches the runner as it is imported": AT_IMPORT,
    "patches the runner as it is called": """
def add(a, b):
    import _pytest.runner as runner
    real = runner.CallInfo.from_call
    runner.CallInfo.from_call = classmethod(lambda cls, func, when, reraise=None: real(lambda: None, when, reraise))
    return a - b
""",
    "turns every report into a pass": """
import _pytest.reports as reports
real = reports.TestReport.from_item_and_call.__func__
def from_item_and_call(cls, item, call):
    report = real(cls, item, call)
    report.outcome, report.longrepr = "passed", None
    return report
reports.TestReport.from_item_and_call = classmethod(from_item_and_call)
def add(a, b): return a - b
""",
    "makes every test function pass": """
import _pytest.python as python
python.Function.runtest = lambda self: None
def add(a, b): return a - b
""",
}


@pytest.mark.parametrize("calc", RUNNER_PATCHES.values(), ids=RUNNER_PATCHES.keys())
def test_a_canary_shows_that_the_runner_was_patched(order: Orders, machine: Machine, calc: str) -> None:
    result = verdict(order, machine, {"calc.py": calc})
    assert result.status == "failed", result.gates[0].output_tail
    assert "gate_forged" in result.fail_codes


@pytest.mark.parametrize(
    "calc",
    [
        # Writes what a passing run would have reported to every socket that it finds.
        "import json, os, socket\n"
        "for fd in range(3, 100):\n"
        "    try:\n        s = socket.socket(fileno=os.dup(fd))\n    except OSError:\n        continue\n"
        "    for name in ('test_adds', 'test_zero'):\n"
        "        s.sendall(json.dumps({'kind': 'test', 'id': 'tests/test_calc.py::' + name, 'when': 'call',"
        " 'outcome': 'passed', 'key': 'k'}).encode() + b'\\n')\n"
        "    s.sendall(json.dumps({'kind': 'end', 'exit': 0, 'key': 'k'}).encode() + b'\\n')\n"
        "os._exit(0)\n",
        # Writes a JUnit file wherever an argument or a variable names one, and ends.
        "import os, sys\n"
        "text = '<testsuites><testsuite><testcase classname=\"tests.test_calc\" name=\"test_adds\"/>'\n"
        "text += '<testcase classname=\"tests.test_calc\" name=\"test_zero\"/></testsuite></testsuites>'\n"
        "for word in [*sys.argv, *os.environ.values()]:\n"
        "    if 'junit' in word or word.endswith('.xml'):\n"
        "        open(word.partition('=')[2] or word, 'w').write(text)\n"
        "os._exit(0)\n",
    ],
    ids=["over the socket", "as a file"],
)  # fmt: skip
def test_a_report_is_not_forged_from_outside_the_reporter(order: Orders, machine: Machine, calc: str) -> None:
    result = verdict(order, machine, {"calc.py": calc})
    assert result.status == "failed"
    assert {"gate_forged", "no_junit"} & set(result.fail_codes)


@pytest.mark.parametrize(
    "calc", ["import os; os._exit(0)", AT_IMPORT], ids=["ends at once", "patches the runner"]
)
def test_a_pytest_gate_is_judged_by_its_tests_also_where_nobody_asked(
    order: Orders, machine: Machine, calc: str
) -> None:
    plain = GATE.model_copy(update={"junit": False})
    result = verdict(order, machine, {"calc.py": calc}, gates=[plain])
    assert result.status == "failed"
    assert {"no_junit", "gate_forged"} & set(result.fail_codes)


def test_nothing_of_the_reporter_is_left_for_the_projects_own_processes(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    """What the project's tests start sees the environment that the project's own CI gives it."""
    asks = (
        "import os, subprocess, sys\n\n\ndef test_environment():\n"
        "    assert not [name for name in os.environ if name.startswith(('BENCH_GATE', 'PYTHONSAFE', 'PYTHONPATH'))]\n"
        "    assert subprocess.run([sys.executable, '-m', 'helper'], check=False).returncode == 0\n"
    )
    base = repository.add({"tests/test_environment.py": asks, "helper.py": ""})
    result = run(order(python(FIX), at=base, baseline=[UNCOLLECTED]), machine)
    assert (result.status, result.gates[0].score) == ("success", 1.0), result.gates[0].output_tail


def test_a_junit_file_of_another_runner_is_held_to_the_same_rules(order: Orders, machine: Machine) -> None:
    script = (
        "import os, sys; from pathlib import Path; Path(sys.argv[1]).write_text("
        "'<testsuite><testcase classname=\"s\" name=\"one\"/>' + open('more').read() + '</testsuite>')"
    )
    gate = Gate(name="test", command=["python", "-c", script, "{junit}"], junit=True)
    known = GateBaseline.model_validate(
        {"name": "test", "passed": False, "tests": {"s::one": "passed", "s::two": "failed"}}
    )
    case = '<testcase classname="s" name="two">'
    for more, codes in (
        (f"{case}</testcase>", []),
        (f"{case}<skipped/></testcase>", ["new_skips"]),
        (f"{case}<failure/></testcase>", ["tests_failed"]),
        ("", ["fewer_tests"]),
        ("<!DOCTYPE x>", ["no_junit"]),
    ):
        result = run(order(python(writes({"more": more})), gates=[gate], baseline=[known]), machine)
        assert result.fail_codes == codes


def test_a_junit_file_behind_a_link_is_not_read(order: Orders, machine: Machine, tmp_path: Path) -> None:
    """The file's directory is turned into a link to one that holds a passing report."""
    script = (
        "import os, shutil, sys; from pathlib import Path; p = Path(sys.argv[1]); shutil.rmtree(p.parent);"
        "Path('real').mkdir(); text = '<testsuite><testcase classname=\"s\" name=\"x\"/></testsuite>';"
        "Path('real', p.name).write_text(text);"
        "os.symlink(Path('real').absolute(), p.parent)"
    )
    gate = Gate(name="test", command=["python", "-c", script, "{junit}"], junit=True)
    result = run(order(python(FIX), gates=[gate], baseline=[]), machine)
    assert result.fail_codes == ["no_junit"]
