"""The command that runs for a gate: its own, with the reporter plugin or with the path of its JUnit file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workers.gates.inside import bench_gate_names as names
from workers.gates.program import ignores_environment, inherits_files, pytest_position

PLUGIN_DIRECTORY = Path(names.__file__).parent
_JUNIT = "{junit}"
JUNIT_VARIABLE = "BENCH_JUNIT"


@dataclass(frozen=True)
class GateCommand:
    """A command and the variables it is run with."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


def can_report(argv: Sequence[str]) -> bool:
    """Whether the plugin can be loaded: a pytest command whose interpreter reads its environment and inherits open
    files."""
    position = pytest_position(argv)
    return position is not None and inherits_files(argv) and not ignores_environment(argv[:position])


def reporting(argv: Sequence[str], fd: int) -> GateCommand:
    """The pytest command with the plugin, which reports over the descriptor `fd`.

    `python -m pytest` is started as `bench_gate_main`, without the working directory on its import path.
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
    """The command with the path of its JUnit file, which replaces `{junit}` and is set as BENCH_JUNIT.

    A pytest command that the plugin cannot be loaded into is given the option instead.
    """
    filled = [each.replace(_JUNIT, str(junit)) for each in argv]
    position = pytest_position(argv)
    if filled == list(argv) and position is not None:
        # Directly after pytest: nothing after `--` is an option.
        filled.insert(position + 1, f"--junitxml={junit}")
    return GateCommand(tuple(filled), {JUNIT_VARIABLE: str(junit)})
