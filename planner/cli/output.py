"""Terminal output of both command lines, with control characters escaped in every text."""

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import click

from planner.cli.status_line import StatusLine
from planner.cli.verbosity import is_quiet, program_name
from planner.system.foreign_text import json_text, visible_line, visible_text
from planner.system.plain_log import is_json, json_line


def echo(line: str = "", *, err: bool = False) -> None:
    """Write one line; a line break inside it is escaped and cannot begin another message."""
    _write(visible_line(line), err=err)


def note(line: str) -> None:
    """Write a line for the person at the terminal to standard error; nothing with `-q`, a log line in a JSON log."""
    if is_quiet():
        return
    if is_json():
        _write(json_line("info", program_name(), line), err=True)
    else:
        echo(line, err=True)


def echo_error(name: str, line: str) -> None:
    """Write why the program `name` failed to standard error; a log line in a JSON log."""
    if is_json():
        _write(json_line("error", name, line), err=True)
    else:
        echo(f"{name}: {line}", err=True)


def echo_traceback(text: str) -> None:
    """Write the traceback of an error to standard error; a log line in a JSON log."""
    if is_json():
        _write(json_line("debug", program_name(), "traceback", {"exception": text}), err=True)
    else:
        echo_text(text, err=True)


def echo_text(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Write a text of several lines."""
    _write(visible_text(text), err=err, nl=nl)


def echo_escaped(text: str) -> None:
    """Write a text whose characters are all visible already, as it is."""
    _write(text, nl=False)


def echo_bytes(data: bytes) -> None:
    """Write bytes as they are, for a pipe or a file; a terminal, which would obey them, gets visible characters."""
    if sys.stdout.isatty():
        _write(visible_text(data.decode("utf-8", "replace")), nl=False)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def echo_colored(*pieces: str | tuple[str, str | None]) -> None:
    """Write one line of pieces, each plain or with a colour."""
    texts = [(piece, None) if isinstance(piece, str) else piece for piece in pieces]
    _write("".join(click.style(visible_line(text), fg=color) for text, color in texts))


def echo_json(value: Any, default: Callable[[Any], Any] | None = None, *, indent: int | None = 2) -> None:
    """Write one JSON document; control characters, and characters outside the encoding, are escaped.

    On one line where `indent` is None.
    """
    text = json_text(value, indent=indent, default=default)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), indent=indent)
    _write(text)


def show_refusal(refusal: click.ClickException) -> None:
    """Write a usage error of click, which quotes the user's input; without the usage in a JSON log."""
    if is_json():
        echo_error(program_name(), refusal.format_message())
        return
    buffer = io.StringIO()
    refusal.show(buffer)
    usage, error, _ = buffer.getvalue().partition("Error: ")
    echo_text(usage, err=True, nl=False)
    if error:
        echo(f"{error}{refusal.format_message()}", err=True)


def _write(text: str, *, err: bool = False, nl: bool = True) -> None:
    # Pass the streams: click would reopen one that seems to be ASCII as UTF-8.
    with StatusLine.pushed_aside():
        click.echo(text, file=sys.stderr if err else sys.stdout, nl=nl)
