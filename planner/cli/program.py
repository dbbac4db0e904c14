"""What the command lines share: commands that load when they are called, and errors of one line."""

import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from planner.cli.output import echo, echo_text, show_refusal


class LazyGroup(click.Group):
    """Loads the module of a command when it is needed: `--help` stays quick."""

    def __init__(self, *args: Any, places: Mapping[str, str], **options: Any) -> None:
        """`places` says where each command lives: its module, or `module:attribute` where the names differ."""
        super().__init__(*args, **options)
        self._places = places

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self._places)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in self._places:
            return None
        module, _, attribute = self._places[name].partition(":")
        found: click.Command = getattr(import_module(module), attribute or name.replace("-", "_"))
        return found


class Ending(NamedTuple):
    """What a program says last, and its exit code: 1 it failed, 2 the input was refused."""

    message: str
    code: int


def run(
    cli: click.Command, name: str, args: list[str] | None, ending: Callable[[Exception], Ending | None]
) -> int:
    """Run a command line; the exit code.

    An error that `ending` knows is said in one line, with its traceback only after `--debug`; any other one is a
    defect and goes on.
    """
    try:
        code = cli.main(args=args, prog_name=name, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as refusal:
        show_refusal(refusal)
        return refusal.exit_code
    except (click.Abort, KeyboardInterrupt):
        echo("interrupted", err=True)
        return 130
    except Exception as error:
        last = ending(error)
        if last is None:
            raise
        if "--debug" in (sys.argv[1:] if args is None else args):
            echo_text(traceback.format_exc().rstrip(), err=True)
        for line in last.message.split("\n"):
            echo(f"{name}: {line}", err=True)
        return last.code
