"""Which line of a runner's output is shown: real outputs, shortened."""

import pytest

from workers.gates.output import failure_line, listing, threshold_line

INTERNAL = """INTERNALERROR> Traceback (most recent call last):
INTERNALERROR>   File "/repo/conftest.py", line 1, in pytest_collection_modifyitems
INTERNALERROR>     raise RuntimeError('boom here')
INTERNALERROR> RuntimeError: boom here

no tests ran in 0.01s
"""
OLD_PYTEST = """/venv/lib/python3.11/site-packages/_pytest/config/__init__.py:325: PluggyTeardownRaisedWarning: x
Plugin: helpconfig, Hook: pytest_cmdline_parse
UsageError: usage: __main__.py [options] [file_or_dir] [file_or_dir] [...]
__main__.py: error: unrecognized arguments: --cov=calc
  inifile: /repo/pytest.ini
  rootdir: /repo
For more information see https://pluggy.readthedocs.io/en/stable/api_reference.html
  config = pluginmanager.hook.pytest_cmdline_parse(
ERROR: usage: __main__.py [options] [file_or_dir] [file_or_dir] [...]
__main__.py: error: unrecognized arguments: --cov=calc
  inifile: /repo/pytest.ini
  rootdir: /repo
"""
COLLECTION = """==================================== ERRORS ====================================
ImportError while importing test module '/repo/test_a.py'.
test_a.py:1: in <module>
    import nomod.sub
E   ModuleNotFoundError: No module named 'nomod'
=========================== short test summary info ============================
ERROR test_a.py
!!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!
1 error in 0.32s
"""
FAILING = """E       AssertionError: assert 1 == 2
ERROR: a line that the code under test printed
=========================== short test summary info ============================
FAILED test_a.py::test_a - assert 0
========================= 1 failed, 3 passed in 0.08s ==========================
"""


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (
            "ERROR: usage: pytest [options] [file_or_dir] [...]\npytest: error: unrecognized arguments: --cov=calc\n"
            "  inifile: /repo/pytest.ini\n  rootdir: /repo\n\n",
            "error: unrecognized arguments: --cov=calc",
        ),
        (OLD_PYTEST, "error: unrecognized arguments: --cov=calc"),
        (
            "ERROR: usage: x [options]\nx: error: argument -n/--numprocesses: invalid parse_numprocesses value: 'x'\n"
            "  inifile: None\n  rootdir: /r\n",
            "error: argument -n/--numprocesses: invalid parse_numprocesses value: 'x'",
        ),
        (
            "ERROR: file or directory not found: tests/nope.py\n\n\nno tests ran in 0.00s\n",
            "ERROR: file or directory not found: tests/nope.py",
        ),
        (
            "\x1b[31mERROR: not found: /repo/test_a.py::b\n(no match)\n\x1b[0m\nno tests ran in 0.00s",
            "ERROR: not found: /repo/test_a.py::b",
        ),
        (
            "ERROR: Missing required plugins: pytest-foo>=3\n",
            "ERROR: Missing required plugins: pytest-foo>=3",
        ),
        (
            "ERROR: Unknown config option: foo\n\n\nno tests ran in 0.00s\n",
            "ERROR: Unknown config option: foo",
        ),
        (
            "ImportError while loading conftest '/repo/conftest.py'.\nconftest.py:1: in <module>\n    import nopkg\n"
            "E   ModuleNotFoundError: No module named 'nopkg'\n",
            "ImportError while loading conftest '/repo/conftest.py': ModuleNotFoundError: No module named 'nopkg'",
        ),
        (INTERNAL, "RuntimeError: boom here"),
        (
            "no tests ran in 0.45s\n!!!!!!!!! _pytest.outcomes.Exit: needs a database !!!!!!!!!!\n",
            "_pytest.outcomes.Exit: needs a database",
        ),
        (COLLECTION, "ModuleNotFoundError: No module named 'nomod'"),
        (FAILING, "1 failed, 3 passed in 0.08s"),
        (
            'Traceback (most recent call last):\n  File "x.py"\nImportError: Error importing plugin "a.b": No module\n',
            'ImportError: Error importing plugin "a.b": No module',
        ),
        (
            "/bin/sh: 1: pytest: not found\nmake: *** [Makefile:2: test] Error 127\n",
            "/bin/sh: 1: pytest: not found",
        ),
        (
            "make: pytest: No such file or directory\nmake: *** [Makefile:2: test] Error 127\n",
            "make: pytest: No such file or directory",
        ),
        ("> app@1.0.0 test\n> jest\n\nsh: 1: jest: not found\n", "sh: 1: jest: not found"),
        ("1 deselected in 0.02s\n", "1 deselected in 0.02s"),
        ("\n\n", ""),
        ("", ""),
    ],
)
def test_the_line_that_tells_is_shown(output: str, line: str) -> None:
    assert failure_line(output) == line


def test_a_line_is_bounded() -> None:
    assert len(failure_line("x" * 10_000)) == 300


@pytest.mark.parametrize(
    "line",
    [
        "FAIL Required test coverage of 90% not reached. Total coverage: 66.67%",
        "ERROR: Coverage failure: total of 67 is less than fail-under=90",
        "Coverage failure: total of 50 is less than fail-under=100",
        'Jest: "global" coverage threshold for lines (80%) not met: 50%',
        "ERROR: Coverage for lines (50%) does not meet global threshold (80%)",
        "Error: 50.00% line coverage does not meet threshold of 90%.",
        "Line coverage (50.00%) is below the expected minimum coverage (90.00%).",
    ],
)
def test_a_threshold_is_known_by_its_words(line: str) -> None:
    assert threshold_line(f"a\n{line}\n1 passed in 0.05s\n") == line


def test_other_outputs_miss_no_threshold() -> None:
    for text in (FAILING, COLLECTION, "Required test coverage of 90% reached. Total coverage: 95.00%"):
        assert threshold_line(text) == ""


def test_a_list_is_bounded() -> None:
    assert listing(["a", "b"]) == "a, b"
    assert listing([str(number) for number in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    assert len(listing(["x" * 999])) == 200
