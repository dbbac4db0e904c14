"""Which gate commands run pytest, and what they are run as."""

import shlex
from pathlib import Path

import pytest

from workers.gates.command import can_report, reporting, writing
from workers.gates.program import pytest_position


@pytest.mark.parametrize(
    "command",
    [
        "pytest -q",
        "python -m pytest",
        "env A=1 PYTHONPATH=src python3.11 -W error -X dev -m pytest",
        "python -WError -m pytest",
        "python -bb -s -m pytest",
        "python /venv/bin/pytest tests",
        "uv run pytest",
        "uv run --frozen --python 3.12 python -m pytest",
        "uv run --with pytest pytest",
        "poetry run pytest",
        "coverage run --source src -m pytest",
        "python -m coverage run --branch -m pytest",
        "timeout -k 5 60 nice -n 5 pytest",
        "xvfb-run -a pytest",
    ],
)
def test_a_command_that_starts_pytest_reports_its_tests(command: str) -> None:
    argv = shlex.split(command)
    position = pytest_position(argv)
    assert position is not None
    assert can_report(argv)
    run = reporting(argv, 7).argv
    assert run[position + 1 : position + 3] == ("-p", "bench_gate_report")
    assert run[position] in (argv[position], "bench_gate_main")
    assert run[position + 3 :] == tuple(argv[position + 1 :]), "its own options stay as they are"


@pytest.mark.parametrize(
    "command",
    [
        "make pytest",
        "env CI=1 make pytest",
        "uv run --frozen make pytest",
        "tox -e pytest",
        "python -m tox -e pytest",
        "nox -s pytest",
        "npm run pytest",
        "just pytest",
        "python tools/run.py pytest",
        "python -c 'import sys' pytest",
        "pip install pytest",
        "bash -c 'pytest -q'",
        "coverage run -m unittest",
        "python",
    ],
)
def test_a_word_that_is_no_program_is_left_alone(command: str) -> None:
    argv = shlex.split(command)
    assert pytest_position(argv) is None
    assert not can_report(argv)
    assert writing(argv, Path("/j.xml")).argv == tuple(argv)


@pytest.mark.parametrize(
    "command",
    [
        "python -I -m pytest",
        "python -IB -m pytest",
        "env -i PATH=/bin pytest",
        "pdm run pytest",
        "hatch -e t run pytest",
    ],
)
def test_pytest_that_cannot_load_the_plugin_writes_a_file(command: str) -> None:
    argv = shlex.split(f"{command} -- tests")
    assert pytest_position(argv) is not None
    assert not can_report(argv)
    run = writing(argv, Path("/j.xml"))
    assert shlex.join(run.argv) == f"{command} --junitxml=/j.xml -- tests"
    assert run.env == {"BENCH_JUNIT": "/j.xml"}
