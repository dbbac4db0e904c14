"""An environment that cannot judge is told on the base commit, and a bug is not taken for one: by real runs."""

from tests.fixtures.executions import FIX, Orders, Repository, git, python
from workers.control import Control
from workers.execution.machine import Machine
from workers.execution.run import run_execution
from workers.result import ExecutionResult
from workers.spec import Gate, GateBaseline

PACKAGE = {
    "src/shop/__init__.py": "def add(a, b):\n    return a - b\n",
    "tests/test_shop.py": "import shop\n\ndef test_add():\n    assert shop.add(1, 2) == 3\n",
}
PYTEST = ["python", "-m", "pytest", "-q", "tests/test_shop.py"]
INSTALLED = ["sh", "-c", "mkdir -p {setup_dir}/bin {setup_dir}/lib && cp -r src/shop {setup_dir}/lib"]
"""Stands in for `pip install .`: set-up's products hold a copy of the package."""
FROM_SETUP = "export PYTHONPATH=$(dirname $(dirname $(command -v tool)))/lib; "
WITH_TOOL = [*INSTALLED[:2], f"{INSTALLED[2]} && cp /bin/true {{setup_dir}}/bin/tool"]


def check(order: Orders, machine: Machine, at: Repository, *command: str, **more: object) -> ExecutionResult:
    """The check of the base commit with one gate."""
    options = {name: more.pop(name) for name in tuple(more) if name in Gate.model_fields}
    gate = Gate(name="test", command=list(command), **{"timeout_seconds": 60, **options})
    return run_execution(order(kind="baseline", action=None, at=at, gates=[gate], **more), machine, Control())


def refused(result: ExecutionResult, *words: str) -> None:
    assert (result.status, result.error_class) == ("error", "invalid_issue"), result.message
    for word in words:
        assert word in result.message


def admitted(result: ExecutionResult) -> GateBaseline:
    assert result.status == "success", result.message
    return result.baseline[0]


def test_a_package_off_the_import_path_is_told_with_the_path(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    at = repository.add(PACKAGE)
    refused(check(order, machine, at, *PYTEST), "shop lies in src/", "env PYTHONPATH=src")
    refused(check(order, machine, at, "sh", "-c", " ".join(PYTEST)), "env PYTHONPATH=src")
    refused(check(order, machine, at, "python", "-m", "unittest", "tests/test_shop.py"), "env PYTHONPATH=src")
    admitted(check(order, machine, at, "env", "PYTHONPATH=src", *PYTEST))


def test_a_module_that_only_a_running_test_asks_for_is_told_too(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    test = "def test_add():\n    import no_such_library.inner\n"
    at = repository.add({"tests/test_shop.py": test})
    refused(check(order, machine, at, *PYTEST), "lacks the module no_such_library", "setup")


def test_a_generated_module_is_told(order: Orders, machine: Machine, repository: Repository) -> None:
    files = {"shop/__init__.py": "from shop._version import version\n", "tests/test_shop.py": "import shop\n"}
    refused(check(order, machine, repository.add(files), *PYTEST), "shop._version", "a build makes it")


def test_an_installed_copy_is_told_whether_or_not_the_gate_tells_its_imports(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    at = repository.add({**PACKAGE, "Makefile": f"test:\n\tpwd; {' '.join(PYTEST)}\n"})
    for script in (f"{FROM_SETUP}exec {' '.join(PYTEST)}", f"{FROM_SETUP}make -s test"):
        result = check(order, machine, at, "sh", "-c", script, setup=WITH_TOOL)
        refused(result, "shop", "installed copy", "set-up")


def test_the_reporter_tells_what_was_imported_from_elsewhere(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    at = repository.add({**PACKAGE, "src/iniconfig/__init__.py": "class IniConfig:\n    pass\n"})
    at = at.add(
        {"tests/test_shop.py": "import iniconfig\n\ndef test_it():\n    assert not iniconfig.IniConfig\n"}
    )
    refused(check(order, machine, at, *PYTEST), "imports iniconfig from", "installed copy")
    refused(check(order, machine, at, *PYTEST, "-p", "xdist", "-n", "1"), "imports iniconfig from")


def test_a_gate_that_puts_the_check_out_first_is_taken_beside_an_installed_copy(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    at = repository.add(PACKAGE)
    script = f"{FROM_SETUP}PYTHONPATH=src:$PYTHONPATH exec {' '.join(PYTEST)}"
    admitted(check(order, machine, at, "sh", "-c", script, setup=WITH_TOOL))


def test_a_gate_of_another_language_is_taken_beside_an_installed_copy(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    at = repository.add({**PACKAGE, "check.sh": "echo 'not ok 1 - sums'; exit 1\n"})
    admitted(check(order, machine, at, "sh", "check.sh", setup=WITH_TOOL))


def test_a_program_that_make_did_not_find_is_told(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    at = repository.add({"Makefile": "test:\n\t.venv/bin/pytest -q tests\n"})
    refused(check(order, machine, at, "make", "test"), ".venv/bin/pytest")


def test_a_pointer_that_a_gate_reads_is_told_and_one_that_it_does_not_is_no_matter(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    at = repository.add({".gitattributes": "*.bin filter=lfs -text\n", "model.bin": pointer})
    reading = at.add(
        {"tests/test_calc.py": "def test_it():\n    assert open('model.bin').read() == 'whole'\n"}
    )
    tests = ["python", "-m", "pytest", "-q", "tests"]
    refused(check(order, machine, reading, *tests), "model.bin", "lfs: true")
    admitted(check(order, machine, at, *tests))


HANGING = "def add(a, b):\n    while b:\n        a += 1\n    return a\n"


def test_an_endless_loop_in_a_test_is_an_honest_failure(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    at = repository.add({"calc.py": HANGING})
    shown = admitted(check(order, machine, at, "python", "-m", "pytest", "-q", "tests", timeout_seconds=5))
    assert not shown.passed
    script = ("sh", "-c", "python -m pytest -q tests")
    refused(check(order, machine, at, *script, timeout_seconds=2), "no end within 2 seconds", "base: hang")
    admitted(check(order, machine, at, *script, timeout_seconds=2, base="hang"))


def test_many_slow_tests_are_none(order: Orders, machine: Machine, repository: Repository) -> None:
    slow = "import pytest, time\n\n@pytest.mark.parametrize('n', range(90))\ndef test_it(n):\n    time.sleep(1)\n"
    at = repository.add({"tests/test_calc.py": slow})
    result = check(order, machine, at, "python", "-m", "pytest", "-q", "tests", timeout_seconds=5)
    refused(result, "no end within 5 seconds", "timeout_seconds")


def test_a_crash_of_the_interpreter_in_a_test_is_an_honest_failure(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    at = repository.add({"calc.py": "import os\n\ndef add(a, b):\n    os.abort()\n"})
    tests = ["python", "-m", "pytest", "-q", "tests"]
    assert not admitted(check(order, machine, at, *tests)).passed
    at = repository.add({"calc.py": "import os\nos.abort()\n"})
    refused(check(order, machine, at, *tests), "pytest did not report its tests")
    admitted(check(order, machine, at, *tests, base="crash"))


def fixed(repository: Repository) -> tuple[Repository, str]:
    """The base, and a commit on top of it that mends the bug."""
    after = repository.add({"calc.py": "def add(a, b):\n    return a + b\n"})
    git(repository.path, "checkout", "-q", repository.commit)
    return repository, after.commit


def test_a_known_good_commit_shows_that_the_gates_can_pass(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    base, good = fixed(repository)
    tests = ["python", "-m", "pytest", "-q", "tests"]
    shown = admitted(check(order, machine, base, *tests, known_good=good))
    assert shown.known_good_tests == {
        "tests/test_calc.py::test_adds": "passed",
        "tests/test_calc.py::test_zero": "passed",
    }
    refused(
        check(order, machine, base, "false", known_good=good),
        "gate test fails at workcell.known_good",
        good[:12],
    )


def test_what_the_known_good_commit_adds_may_be_missing_from_the_base(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    base = repository.add({"tests/test_new.py": "import brand_new\n\ndef test_it():\n    brand_new.go()\n"})
    after = base.add(
        {"brand_new.py": "def go():\n    pass\n", "calc.py": "def add(a, b):\n    return a + b\n"}
    )
    tests = ["python", "-m", "pytest", "-q", "tests"]
    refused(check(order, machine, base, *tests), "brand_new", "workcell.known_good")
    admitted(check(order, machine, base, *tests, known_good=after.commit))


def test_a_known_good_commit_is_judged_as_a_candidate_is(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    wrong = "from calc import add\n\ndef test_adds():\n    assert add(2, 3) == -6\n"
    base = repository.add({"tests/test_calc.py": wrong})
    after = base.add({"tests/test_calc.py": wrong.replace("-6", "-1")})
    result = check(order, machine, base, "python", "-m", "pytest", "-q", "tests", known_good=after.commit)
    refused(result, "protected paths stay as in the base, tests/test_calc.py")


def test_no_candidate_is_told_the_known_good_commit(
    order: Orders, machine: Machine, repository: Repository
) -> None:
    base, good = fixed(repository)
    look = (
        "import os, pathlib, subprocess\n"
        f"text = pathlib.Path(os.environ['BENCH_MANIFEST']).read_text() + str(dict(os.environ))\n"
        f"assert {good!r} not in text\n"
        f"assert subprocess.run(['git', 'cat-file', '-e', {good!r}]).returncode\n"
    )
    issue = {"id": "i-1", "title": "t", "workcell": {"known_good": good, "repo": "kept"}}
    result = run_execution(
        order(python(look + FIX), at=base, known_good=good, issue=issue), machine, Control()
    )
    assert result.status == "success", result.message
