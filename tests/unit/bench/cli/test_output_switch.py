"""Every command that shows rows has the output switch; every other one has a reason."""

from typing import Final

import click
import pytest

from bench.cli.main import cli, main
from bench.cli.reference import commands
from planner.cli.formats import FORMS
from planner.cli.main import cli as planner_cli
from planner.cli.main import main as planner_main

_NOTES: Final = "changes something, and a note on standard error reports the result"
_FILES: Final = "writes files, and a note on standard error names them"
WITHOUT_ROWS: Final = {
    "bench down": _NOTES,
    "bench worker": "a server: it logs until it is stopped",
    "bench coordinator": "a server: it logs until it is stopped",
    "bench ui": "a server: it prints its address, and serves until it is stopped",
    "bench db upgrade": _NOTES,
    "bench db check": "its answer is the exit code",
    "bench machines trust": _NOTES,
    "bench machines forget": _NOTES,
    "bench circuits close": _NOTES,
    "bench notices add": _NOTES,
    "bench notices remove": _NOTES,
    "bench notices test": "sends a message, and a note on standard error is the reply",
    "bench traces": "sends spans, with a note of how many on standard error",
    "bench labels watch": "runs until it is stopped, with a note for each part on standard error",
    "bench run": "runs until it is stopped, with a note for each issue on standard error",
    "bench cancel": _NOTES,
    "bench apply": _NOTES,
    "bench pr": "prints the address of each pull request, or the command that opens it",
    "bench caps": _NOTES,
    "bench plots": _FILES,
    "bench estimates publish": _NOTES,
    "bench policies register": _NOTES,
    "bench policies remove": _NOTES,
    "bench archives export": _NOTES,
    "bench archives restore": _NOTES,
    "bench archives prune": _NOTES,
    "bench config": "prints a config, which is YAML",
    "bench demo": _FILES,
    "bench stage-a": "runs other commands, and each shows its own output",
    "bench completion": "prints a shell script",
    "planner build-dataset": _FILES,
    "planner dataset merge-best-of-k": _FILES,
    "planner export": "writes a bundle, and describes it in three lines; `planner verify` has the rows",
    "planner predict": "prints one planner_action document, which is JSON",
    "planner serve": "a server: it answers in JSON-RPC",
    "planner world": _FILES,
}
LEAVES: Final = {
    context.command_path: context
    for root, name in ((cli, "bench"), (planner_cli, "planner"))
    for context in commands(root, name)
    if not isinstance(context.command, click.Group)
}


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_the_switch_or_a_reason(path: str) -> None:
    switches = [param for param in LEAVES[path].command.params if param.name == "output"]
    if path in WITHOUT_ROWS:
        assert not switches, "it has the switch now: remove it from the list"
        return
    (switch,) = switches
    assert switch.opts == ["-o", "--output"]
    assert isinstance(switch.type, click.Choice)
    assert tuple(switch.type.choices) == FORMS


def test_no_command_without_the_switch_has_an_older_one() -> None:
    assert set(WITHOUT_ROWS) <= set(LEAVES)
    older = {
        path for path, context in LEAVES.items() if any(p.name == "as_json" for p in context.command.params)
    }
    assert not older & set(WITHOUT_ROWS)


@pytest.mark.parametrize("path", LEAVES)
def test_quiet_and_verbose_go_before_and_after_every_name(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program, *words = path.split()
    run = main if program == "bench" else planner_main
    assert run([*words, "-q", "-v"]) == run(["-q", *words, "-v"]) == 2
    assert capsys.readouterr().err.count("give one of --quiet and --verbose") == 2
