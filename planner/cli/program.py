"""Shared parts of the command lines: lazily imported commands, and error messages of one line."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from planner.cli.output import echo_error, echo_traceback, note, show_refusal
from planner.cli.terminal import UnwritableError
from planner.cli.verbosity import reset, with_verbosity
from planner.system.foreign_text import visible_line
from planner.system.plain_log import check_log_format


class LazyGroup(click.Group):
    """Command group with lazy imports, so that `--help` stays fast."""

    def __init__(self, *args: Any, places: Mapping[str, str], **options: Any) -> None:
        """`places` maps a command to its module, or to `module:attribute` where the names differ."""
        super().__init__(*args, **options)
        self._places = places
        with_verbosity(self, hidden=False)

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self._places)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in self._places:
            return None
        module, _, attribute = self._places[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute or name.replace("-", "_"))
        return with_verbosity(command)


class Ending(NamedTuple):
    """Last message of a program and its exit code: 1 failure, 2 invalid input."""

    message: str
    code: int


def run(
    cli: click.Command, name: str, args: list[str] | None, ending: Callable[[Exception], Ending | None]
) -> int:
    """Run a command line and return its exit code.

    An expected error, one that `ending` knows or an `OSError`, is printed in one line, with its traceback only after
    `--debug`. Any other error is a defect and is raised.
    """
    reset(name)
    try:
        check_log_format()
        code = cli.main(args=args, prog_name=name, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as refusal:
        show_refusal(refusal)
        return refusal.exit_code
    except (click.Abort, KeyboardInterrupt):
        note("interrupted")
        return 130
    except UnwritableError:
        raise
    except Exception as error:
        last = _directory_gone(error) or ending(error) or _of_the_system(error)
        if last is None:
            raise
        if "--debug" in (sys.argv[1:] if args is None else args):
            echo_traceback(traceback.format_exc().rstrip())
        for line in last.message.split("\n"):
            echo_error(name, line)
        return last.code
    finally:
        reset(name)


def _directory_gone(error: Exception) -> Ending | None:
    """The error of a working directory that was deleted or is not accessible; it explains a missing file."""
    if isinstance(error, OSError):
        try:
            os.getcwd()  # noqa: PTH109 — called for its error
        except OSError as why:
            return Ending(
                f"the working directory does not exist: {why.strerror}; change to one that exists", 1
            )
    return None


def _of_the_system(error: Exception) -> Ending | None:
    match error:
        case OSError():
            return Ending(visible_line(f"{error.filename or 'a file'}: {error.strerror or error}"), 1)
        case UnicodeEncodeError():
            return Ending(
                visible_line(f"{error.object!s:.80} is no text: it holds bytes that are not UTF-8"), 2
            )
        case _:
            return None
