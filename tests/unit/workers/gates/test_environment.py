"""Whose fault a failure on the base commit is: outputs as pytest, unittest, make, npm and others write them."""

import pytest

from workers.gates.environment import environment_objection
from workers.gates.hidden import hidden_failure
from workers.gates.imports import MissingImport, missing_imports, objection
from workers.gates.sources import Sources
from workers.gates.suite import SuiteRun

COLLECTION = """ImportError while importing test module '/c/tests/test_calc.py'.
Traceback:
/usr/lib/python3.11/importlib/__init__.py:126: in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
tests/test_calc.py:1: in <module>
    from shared.helper import two
E   ModuleNotFoundError: No module named 'shared.helper'"""
SHORT_FRAMES = """tests/test_calc.py:1: in <module>
    import pkg
pkg/__init__.py:1: in <module>
    from pkg._version import version
E   ModuleNotFoundError: No module named 'pkg._version'"""
IN_A_TEST = """
    def test_add():
>       import numpy.core
E       ModuleNotFoundError: No module named 'numpy.core'

tests/test_calc.py:2: ModuleNotFoundError"""
UNITTEST = """ERROR: test_calc (unittest.loader._FailedTest)
Traceback (most recent call last):
  File "/usr/lib/python3.11/unittest/loader.py", line 407, in _find_test_path
    module = self._get_module_from_name(name)
  File "/c/tests/test_calc.py", line 1, in <module>
    import calcpkg
ModuleNotFoundError: No module named 'calcpkg'

FAILED (errors=1)"""
HANDLED = """tests/t.py:1: in <module>
    import ujson
E   ModuleNotFoundError: No module named 'ujson'

During handling of the above exception, another exception occurred:
tests/t.py:3: in <module>
    import tjson
E   ModuleNotFoundError: No module named 'tjson'"""
BY_NAME = """pkg/__init__.py:1: in <module>
    from pkg import _version
E   ImportError: cannot import name '_version' from 'pkg' (/c/pkg/__init__.py)"""


@pytest.mark.parametrize(
    ("text", "imports"),
    [
        (COLLECTION, [("shared.helper", "tests/test_calc.py")]),
        (SHORT_FRAMES, [("pkg._version", "pkg/__init__.py")]),
        (IN_A_TEST, [("numpy.core", "tests/test_calc.py")]),
        (UNITTEST, [("calcpkg", "tests/test_calc.py")]),
        (HANDLED, [("tjson", "tests/t.py")]),
        (BY_NAME, [("pkg._version", "pkg/__init__.py")]),
        ("E   AssertionError: No module named 'x'", []),
        ("retrying without it: No module named 'x'", []),
    ],
)
def test_a_failed_import_is_told_by_its_full_name_and_who_asked(
    text: str, imports: list[tuple[str, str]]
) -> None:
    assert [(each.module, each.importer) for each in missing_imports(text, "/c")] == imports


def sources(*files: str, **more: object) -> Sources:
    return Sources(
        frozenset(files),
        lambda path: "test" in path,
        is_ignored=lambda path: path.endswith(("_version.py", ".so")),
        **more,  # type: ignore[arg-type]
    )


FLAT = sources("pkg/__init__.py", "pkg/a.py", "tests/test_a.py", "examples/django/settings.py")
SRC = sources(
    "src/calcpkg/__init__.py", "tests/test_a.py", "libs/sub/pyproject.toml", "libs/sub/src/sub/core.py"
)


@pytest.mark.parametrize(
    ("of", "missing", "words"),
    [
        (SRC, MissingImport("calcpkg", "tests/test_a.py"), "env PYTHONPATH=src"),
        (SRC, MissingImport("calcpkg"), "env PYTHONPATH=src"),
        (SRC, MissingImport("sub.core", "tests/test_a.py"), "libs/sub/src"),
        (FLAT, MissingImport("numpy", "pkg/a.py"), "lacks the module numpy"),
        (FLAT, MissingImport("numpy.core", "pkg/a.py"), "lacks the module numpy.core"),
        (FLAT, MissingImport("django", "tests/test_a.py"), "lacks the module django"),
        (FLAT, MissingImport("pkg._version", "pkg/__init__.py"), "a build makes it"),
        (FLAT, MissingImport("pkg._version", "tests/test_a.py"), "a build makes it"),
        (FLAT, MissingImport("pkg._version", "pkg/a.py", by_name=True), "a build makes it"),
        (FLAT, MissingImport("pkg.stale", "pkg/a.py"), "workcell.known_good"),
        (sources("a.py", submodules=("shared",)), MissingImport("shared.helper"), "submodules: true"),
        (sources("a.py", submodules=("vendor/libx",)), MissingImport("libx.core"), "submodules: true"),
        (sources("a.py", submodules=("vendor/lib",)), MissingImport("libx"), "submodules (vendor/lib)"),
    ],
)
def test_what_no_candidate_can_mend_is_the_environments(
    of: Sources, missing: MissingImport, words: str
) -> None:
    assert words in (objection(missing, of) or "")


@pytest.mark.parametrize(
    "missing",
    [
        MissingImport("pkg.to_be_added", "tests/test_a.py"),
        MissingImport("pkg.function_to_be_added", "tests/test_a.py", by_name=True),
        MissingImport("a", "pkg/__init__.py"),
        MissingImport("numpy.new", "pkg/a.py", by_name=True),
    ],
)
def test_what_the_fix_may_add_or_correct_is_an_honest_failure(missing: MissingImport) -> None:
    assert objection(missing, FLAT) is None


def test_own_packages_are_those_of_the_import_roots() -> None:
    own = sources(
        *(
            "setup.py",
            "conftest.py",
            "tests/__init__.py",
            "one.py",
            "src/two/__init__.py",
            "src/two/inner.py",
        ),
        *("vendor/six.py", "vendor/x/setup.py", "vendor/x/x.py", "types.py"),
        *("apps/web/pyproject.toml", "apps/web/web/__init__.py"),
    )
    assert dict(own.packages) == {
        "one": "one.py",
        "two": "src/two/__init__.py",
        "web": "apps/web/web/__init__.py",
    }
    loaded = own.with_outside({"two": "/env/two/__init__.py", "six": "/env/six.py"})
    assert dict(loaded.shadowed()) == {"two": "/env/two/__init__.py"}


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            "make: .venv/bin/pytest: No such file or directory\nmake: *** [Makefile:2: test] Error 127",
            ".venv/bin/pytest: No such",
        ),
        (
            "make[1]: *** [check] Error 127\nmake: *** [all] Error 2",
            "Error 127",
        ),
        ("/bin/sh: 1: jest: not found\nnpm ERR! code ELIFECYCLE\nnpm ERR! errno 127", "jest: not found"),
        ("error Command failed with exit code 127.", "127"),
        ("sh: line 1: t: command not found\nerror: Recipe `test` failed on line 2 with exit code 127", "t: command"),
        ("rake aborted!\nCommand failed with status (127): [rspec]", "rspec"),
        ("make: *** No rule to make target 'test'.  Stop.", "No rule"),
        ('npm error Missing script: "test"', "Missing script"),
        ("/usr/bin/python3: No module named pytest\nmake: *** [test] Error 1", "No module named pytest"),
        ("Error: Cannot find module 'express'\nRequire stack:", "lacks express"),
        ("Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'chai' imported from /c/t.mjs", "lacks chai"),
        ("Cannot find module 'react' from 'src/App.test.js'", "lacks react"),
        ("src/a.ts(1,8): error TS2307: Cannot find module 'zod' or its corresponding type", "lacks zod"),
        ("`require': cannot load such file -- rspec (LoadError)", "lacks rspec"),
        ("main.go:4:2: no required module provides package github.com/a/b; to add it:", "github.com/a/b"),
        ("curl: (6) Could not resolve host: index.example", "index.example"),
        ("running\nrun.sh: line 3: pytest: command not found", "pytest: command not found"),
    ],
)  # fmt: skip
def test_a_program_that_is_not_there_is_seen_behind_its_runner(output: str, words: str) -> None:
    assert words in (hidden_failure(output) or "")


@pytest.mark.parametrize(
    "output",
    [
        "",
        "make: *** [Makefile:2: test] Error 1",
        "make: *** [Makefile:127: test] Error 2",
        "Error: Cannot find module '../src/new'\n",
        "run.sh: line 3: colordiff: command not found\n1 test failed",
        "test_exit_code_127 FAILED",
        "AssertionError: expected exit 0",
    ],
)
def test_an_honest_failure_is_none(output: str) -> None:
    assert hidden_failure(output) is None


def test_of_a_told_run_only_the_errors_that_ended_its_tests_count() -> None:
    failed = SuiteRun({"t::a": "failed"}, failures={"t::a": IN_A_TEST})
    assert "numpy.core" in (environment_objection(failed, "", FLAT, "/c") or "")
    other = SuiteRun({"t::a": "failed"}, failures={"t::a": HANDLED.replace("tjson", "pkg.to_be_added")})
    assert environment_objection(other, UNITTEST, FLAT, "/c") is None


def test_a_file_that_was_not_fetched_is_told_once_a_gate_asks_for_it() -> None:
    lacking = sources("a.py", submodules=("data",))
    failed = SuiteRun({"t::a": "failed"}, failures={"t::a": "FileNotFoundError: '/c/data/x.csv'"})
    assert "submodule data" in (environment_objection(failed, "", lacking, "/c") or "")
    assert environment_objection(failed, "", FLAT, "/c") is None
    assert "lfs: true" in (environment_objection(failed, "", FLAT, "/c", ["model.bin"]) or "")
