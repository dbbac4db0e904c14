"""From a gate's command to the one that is run: with the reporter plugin, or with the place of its JUnit file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workers.gates.inside import bench_gate_names as names

PLUGIN_DIRECTORY = Path(names.__file__).parent
_JUNIT = "{junit}"
JUNIT_VARIABLE = "BENCH_JUNIT"


@dataclass(frozen=True)
class GateCommand:
    """A command and the variables it is run with."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


def pytest_position(argv: Sequence[str]) -> int | None:
    """The index of `pytest` in an argument vector, or None."""
    for index, element in enumerate(argv):
        if os.path.basename(element) in ("pytest", "py.test"):  # noqa: PTH119 — an argument, not a file
            return index
    return None


def can_report(argv: Sequence[str]) -> bool:
    """Whether the plugin can be loaded: a pytest command whose interpreter reads its environment."""
    position = pytest_position(argv)
    return position is not None and not any(_ignores_environment(each) for each in argv[:position])


def _ignores_environment(argument: str) -> bool:
    is_flags = argument.startswith("-") and not argument.startswith("--")
    return is_flags and bool({"I", "E"} & set(argument)) and argument.isascii() and "=" not in argument


def reporting(argv: Sequence[str], fd: int) -> GateCommand:
    """The pytest command with the plugin, which reports over the descriptor `fd`.

    `python -m pytest` starts without the working directory on its import path, by way of `bench_gate_main`.
    """
    position = pytest_position(argv)
    assert position is not None
    here = str(PLUGIN_DIRECTORY)
    before = [_with_path(each, here) for each in argv[:position]]
    env = {"PYTHONPATH": here, names.PATH: here, names.FD: str(fd)}
    program = argv[position]
    if position > 0 and argv[position - 1] == "-m":
        env |= {"PYTHONSAFEPATH": "1", names.CWD: "1"}
        program = names.MAIN
    return GateCommand((*before, program, "-p", names.PLUGIN, *argv[position + 1 :]), env)


def _with_path(argument: str, here: str) -> str:
    """`env PYTHONPATH=src python -m pytest` keeps its own path behind the plugin's."""
    name, equals, value = argument.partition("=")
    return f"{name}={here}:{value}" if name == "PYTHONPATH" and equals else argument


def writing(argv: Sequence[str], junit: Path) -> GateCommand:
    """The command with the path of its JUnit file: in the place of `{junit}`, and as BENCH_JUNIT.

    A pytest command that the plugin cannot be loaded into is given the option instead.
    """
    filled = tuple(each.replace(_JUNIT, str(junit)) for each in argv)
    option = (f"--junitxml={junit}",) if filled == tuple(argv) and pytest_position(argv) is not None else ()
    return GateCommand((*filled, *option), {JUNIT_VARIABLE: str(junit)})
