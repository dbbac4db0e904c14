"""How a gate's command is turned into one that serves its tests, and what of its options is kept."""

from pathlib import Path

import pytest

from workers.repair.launch import SERVER, interpreter_of, suite_of
from workers.repair.options import kept

HERE = str(SERVER)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with programs as installers leave them."""
    for name, head in {
        "pytest": "#!/opt/venv/bin/python3.12\nimport sys\n",
        "env-pytest": "#!/usr/bin/env python3\n",
        "long-pytest": '#!/bin/sh\n\'\'\'exec\' "/opt/a very/../python3" "$0" "$@"\n'.replace(
            "a very", "long"
        ),
        "shim": "#!/bin/sh\nexec something\n",
        "coverage": "#!/opt/cov/bin/python\n",
        "python": "#!/bin/sh\n",
    }.items():
        (tmp_path / name).write_text(head)
        (tmp_path / name).chmod(0o755)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("command", "served"),
    [
        ("python -m pytest -q tests", f"python {HERE} 7:module -q tests"),
        ("env PYTHONPATH=src A=1 python3 -m pytest t", f"env PYTHONPATH=src A=1 python3 {HERE} 7:module t"),
        ("env -i python -W error -X dev -m pytest", f"env -i python -W error -X dev {HERE} 7:module"),
        ("python -m coverage run -m pytest tests", f"python {HERE} 7:module tests"),
        ("coverage run --source x -m pytest tests", f"/opt/cov/bin/python {HERE} 7:module tests"),
        ("env A=1 coverage run -m pytest tests", f"env A=1 /opt/cov/bin/python {HERE} 7:module tests"),
        ("env A=1 pytest tests", f"env A=1 /opt/venv/bin/python3.12 {HERE} 7:program tests"),
        ("uv run pytest tests", f"uv run python {HERE} 7:program tests"),
    ],
)
def test_our_script_takes_the_place_of_pytest(command: str, served: str, path: str) -> None:
    suite = suite_of(command.split(), path)
    assert suite is not None
    assert suite.argv(7) == served.split()


@pytest.mark.parametrize(
    ("text", "served"),
    [
        ("cd a && X=1 python -m pytest -q t; echo", f"cd a && X=1 python {HERE} 7:module -q t; echo"),
        (
            "PYTHONPATH=src pytest t | tee log",
            f"PYTHONPATH=src /opt/venv/bin/python3.12 {HERE} 7:program t | tee log",
        ),
        ("pip install pytest\npytest", f"pip install pytest\n/opt/venv/bin/python3.12 {HERE} 7:program"),
    ],
)
def test_it_does_in_the_text_of_a_shell_too(text: str, served: str, path: str) -> None:
    suite = suite_of(["env", "A=1", "bash", "-ec", text, "name"], path)
    assert suite is not None
    assert suite.argv(7) == ["env", "A=1", "bash", "-ec", served, "name"]


@pytest.mark.parametrize(
    "command",
    [["make", "test"], ["sh", "run_tests.sh"], ["sh", "-c", "pytest a && pytest b"], ["sh", "-c", "true"]],
)
def test_what_runs_no_pytest_has_no_suite(command: list[str], path: str) -> None:
    assert suite_of(command, path) is None


@pytest.mark.parametrize(
    ("program", "interpreter"),
    [
        ("pytest", "/opt/venv/bin/python3.12"),
        ("env-pytest", "python3"),
        ("long-pytest", "/opt/long/../python3"),
        ("shim", "{path}/python"),
        ("missing", "python"),
    ],
)
def test_a_program_s_interpreter_is_the_one_it_starts_with(program: str, interpreter: str, path: str) -> None:
    assert interpreter_of(program, path) == interpreter.format(path=path)


@pytest.mark.parametrize(
    ("args", "left"),
    [
        ("-q tests/test_a.py", "tests/test_a.py"),
        ("-x -k add", "-k add"),
        ("--junitxml=out.xml -n 4 tests", "tests"),
        ("--junit-xml out.xml -c other.ini", "-c other.ini"),
        ("-W error --maxfail 2 --lf", "-W error"),
    ],
)
def test_arguments_that_select_and_configure_tests_are_kept(args: str, left: str) -> None:
    assert kept(args.split()) == left.split()
