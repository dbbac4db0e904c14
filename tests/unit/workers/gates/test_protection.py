"""What is protected where the config does not say: the repository's tests, and what its gates name."""

import pytest

from workers.gates.named import named_files
from workers.gates.protection import default_patterns
from workers.patterns import spec_of
from workers.spec import Gate

BASE = (
    *(
        "calc.py",
        "setup.py",
        "run_tests.sh",
        "test.js",
        "Makefile",
        "checks/verify.py",
        "checks/expected.txt",
    ),
    *("pkg/__init__.py", "pkg/core.py", "pkg/tests/test_core.py", "pkg/tests/data.json", "src/a.spec.ts"),
    *("sub/verify.py", "odd [1]/check it.py", "ci.mk", "jest.ci.js", "bin/ruff"),
)


def gate(*command: str) -> Gate:
    return Gate(name="g", command=list(command))


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (["python", "-m", "pytest", "checks/verify.py::test_it[a/b]", "pkg"], ["checks/verify.py"]),
        (["pytest", "./pkg/tests/test_core.py"], ["pkg/tests/test_core.py"]),
        (["sh", "run_tests.sh"], ["run_tests.sh"]),
        (["./run_tests.sh", "--fast"], ["run_tests.sh"]),
        (["env", "A=1", "node", "--test", "test.js"], ["test.js"]),
        (["bash", "-ec", "cd sub && X=1 python3 verify.py | diff - ../checks/expected.txt"],
         ["sub/verify.py", "checks/expected.txt"]),
        (["sh", "-c", "if ! python checks/verify.py; then exit 1; fi"], ["checks/verify.py"]),
        (["sh", "-c", "python 'odd [1]/check it.py' && echo it's unread"], []),
        (["sh", "-c", "python 'odd [1]/check it.py'\nsh run_tests.sh"], ["odd [1]/check it.py", "run_tests.sh"]),
        (["python", "-m", "unittest", "checks.verify.Case.test_it"], ["checks/verify.py"]),
        (["make", "-f", "ci.mk", "test"], ["ci.mk"]),
        (["npx", "jest", "--config=jest.ci.js"], ["jest.ci.js"]),
        (["npm", "test", "--", "checks/verify.py"], ["checks/verify.py"]),
        (["rspec", "checks/verify.py:12"], ["checks/verify.py"]),
        (["bin/ruff", "checks/verify.py"], ["bin/ruff", "checks/verify.py"]),
        (["python", "no/such.py"], []),
        (["python", "../elsewhere.py", "/calc.py"], []),
        # What is looked at is what a fix may have to change.
        (["uv", "run", "ruff", "check", "calc.py"], []),
        (["python", "-m", "py_compile", "calc.py"], []),
        (["sh", "-c", "grep -q fixed calc.py && test -f setup.py"], []),
        (["python", "-m", "pytest", "--doctest-modules", "calc.py"], []),
        (["pytest", "--cov=calc.py", "--ignore=setup.py"], []),
    ],
)  # fmt: skip
def test_gates_name_what_they_run(command: list[str], named: list[str]) -> None:
    assert named_files([gate(*command)], BASE) == named


def protected(base: list[str], *command: str) -> set[str]:
    spec = spec_of(default_patterns([gate(*(command or ("true",)))], base))
    return {name for name in base if spec.match_file(name)}


def test_tests_are_protected_wherever_they_lie() -> None:
    tests = [
        *("tests/data/x.json", "pkg/tests/helper.py", "pkg/core_test.py", "pkg/test_core.py", "conftest.py"),
        *(
            "web/__tests__/a.js",
            "web/a.spec.ts",
            "web/b.test.jsx",
            "web/__snapshots__/a.snap",
            "go/a_test.go",
        ),
        *("test/run.js", "src/test/java/CalcTest.java", "test/fixtures/x.json", "lib/a_spec.rb"),
        *("test.js", "run_tests.sh"),
    ]
    assert protected(tests) == set(tests)


@pytest.mark.parametrize(
    "sources",
    [
        ["django/test/__init__.py", "django/test/client.py", "django/test/runner.py"],
        ["numpy/testing/__init__.py", "numpy/testing/_private/utils.py"],
        ["pkg/testing/helpers.ts", "pkg/testing/test.ts"],
        ["src/jinja2/tests.py", "src/jinja2/filters.py"],
        ["pkg/latest.py", "pkg/contest.py", "pkg/testament/a.py", "pkg/test.py", "pkg/spec.py"],
    ],
)
def test_packages_that_are_named_like_tests_are_sources(sources: list[str]) -> None:
    assert protected(sources) == set()
    # Whatever else is a test beside and below them.
    nested = f"{sources[0].rpartition('/')[0] or 'pkg'}/tests/test_it.py"
    assert protected([*sources, nested]) == {nested}


def test_a_directory_of_tests_is_protected_with_all_that_its_tests_read() -> None:
    base = [
        "test/unit/test_a.py",
        "test/unit/helper.py",
        "test/data.txt",
        "testing/test_b.py",
        "testing/c.py",
    ]
    assert protected(base) == set(base)


def test_tests_of_a_django_app_are_protected() -> None:
    assert protected(["polls/tests.py", "polls/models.py"]) == {"polls/tests.py"}


def test_what_gates_name_is_protected_by_its_exact_path() -> None:
    base = ["odd [1]/check it.py", "odd 1/check it.py", "sub/odd [1]/check it.py", "!x.sh"]
    assert protected(base, "python", "odd [1]/check it.py") == {"odd [1]/check it.py"}
    assert protected(base, "sh", "!x.sh") == {"!x.sh"}
