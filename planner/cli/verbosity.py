"""How much a command writes in addition to its answer: `-q` and `-v`, before or after the command's name."""

import logging
from typing import Any, Final

import click

from planner.system.plain_log import log_to_stderr

_HELP_QUIET: Final = "Only errors and the answer; also after the command's name."
_HELP_VERBOSE: Final = "More log, with -vv for debugging; also after the command's name."
_LEVELS: Final = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}


class _Chosen:
    """What this command line is; `steps` is -1 where quiet, 0 as usual, 1 and 2 where verbose."""

    program = "bench"
    steps = 0


def reset(program: str) -> None:
    """Begin a command line of `program`, as verbose as usual."""
    _Chosen.program, _Chosen.steps = program, 0


def program_name() -> str:
    """The program whose command line this is; its notes are logged under this name."""
    return _Chosen.program


def is_quiet() -> bool:
    """Whether notes and progress are left out."""
    return _Chosen.steps < 0


def is_as_usual() -> bool:
    """Whether neither `-q` nor `-v` was given."""
    return _Chosen.steps == 0


def log_level() -> int:
    """The level from which on this program logs."""
    return _LEVELS.get(_Chosen.steps, logging.DEBUG)


def log_as_asked() -> None:
    """Log to standard error, as much as `-q` and `-v` ask for: for commands that run long."""
    log_to_stderr(log_level())


def with_verbosity(command: click.Command, *, hidden: bool = True) -> click.Command:
    """Give a command, and all below it, `-q` and `-v`; those that have them already stay as they are."""
    if not any(param.name == "quiet" for param in command.params):
        command.params += _options(hidden)
    if isinstance(command, click.Group):
        for child in command.commands.values():
            with_verbosity(child)
    return command


def _options(hidden: bool) -> list[click.Parameter]:
    quiet: dict[str, Any] = {"is_flag": True, "help": _HELP_QUIET, "callback": _be_quiet}
    verbose: dict[str, Any] = {"count": True, "help": _HELP_VERBOSE, "callback": _be_verbose}
    shared: dict[str, Any] = {"hidden": hidden, "expose_value": False}
    return [
        click.Option(["-q", "--quiet"], **quiet, **shared),
        click.Option(["-v", "--verbose"], **verbose, **shared),
    ]


def _be_quiet(_context: click.Context, _param: click.Parameter, is_given: bool) -> None:
    if is_given:
        if _Chosen.steps > 0:
            raise click.UsageError("give one of --quiet and --verbose")
        _Chosen.steps = -1


def _be_verbose(_context: click.Context, _param: click.Parameter, times: int) -> None:
    if times:
        if _Chosen.steps < 0:
            raise click.UsageError("give one of --quiet and --verbose")
        _Chosen.steps += times
        log_as_asked()
