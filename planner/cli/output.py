"""Terminal output of both command lines, with control characters escaped in every text."""

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import click

from planner.system.foreign_text import json_text, visible_line, visible_text


def echo(line: str = "", *, err: bool = False) -> None:
    """Write one line; a line break inside it is escaped and cannot begin another message."""
    _write(visible_line(line), err=err)


def echo_text(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Write a text of several lines."""
    _write(visible_text(text), err=err, nl=nl)


def echo_colored(*pieces: str | tuple[str, str | None]) -> None:
    """Write one line of pieces, each plain or with a colour."""
    texts = [(piece, None) if isinstance(piece, str) else piece for piece in pieces]
    _write("".join(click.style(visible_line(text), fg=color) for text, color in texts))


def echo_json(value: Any, default: Callable[[Any], Any] | None = None) -> None:
    """Write one JSON document; control characters, and those outside the encoding, are escaped."""
    text = json_text(value, default=default)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), indent=2)
    _write(text)


def show_progress(line: str) -> None:
    """Overwrite the last line with this one."""
    _write(f"\r\x1b[K{visible_line(line)}", nl=False, err=True)


def show_refusal(refusal: click.ClickException) -> None:
    """Write a usage error of click, which quotes the user's input."""
    buffer = io.StringIO()
    refusal.show(buffer)
    usage, error, _ = buffer.getvalue().partition("Error: ")
    echo_text(usage, err=True, nl=False)
    if error:
        echo(f"{error}{refusal.format_message()}", err=True)


def _write(text: str, *, err: bool = False, nl: bool = True) -> None:
    # Pass the streams: click would reopen one that seems to be ASCII as UTF-8.
    click.echo(text, file=sys.stderr if err else sys.stdout, nl=nl)
