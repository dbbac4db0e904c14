"""The one way to the terminal of both command lines: what is written there is text, whoever wrote it."""

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import click

from planner.system.foreign_text import json_text, visible_line, visible_text


def echo(line: str = "", *, err: bool = False) -> None:
    """Write one line: a line break in a name shows, and does not begin another message."""
    _write(visible_line(line), err=err)


def echo_text(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Write a text of several lines."""
    _write(visible_text(text), err=err, nl=nl)


def echo_colored(*pieces: str | tuple[str, str | None]) -> None:
    """Write one line of pieces, each plain or with a colour."""
    texts = [(piece, None) if isinstance(piece, str) else piece for piece in pieces]
    _write("".join(click.style(visible_line(text), fg=color) for text, color in texts))


def echo_json(value: Any, default: Callable[[Any], Any] | None = None) -> None:
    """Write one JSON document; escapes stand for the characters that a terminal would obey, or does not know."""
    text = json_text(value, default=default)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), indent=2)
    _write(text)


def show_progress(line: str) -> None:
    """Write a line over the one before it."""
    _write(f"\r\x1b[K{visible_line(line)}", nl=False, err=True)


def show_refusal(refusal: click.ClickException) -> None:
    """Write click's own refusal, which quotes what was typed."""
    buffer = io.StringIO()
    refusal.show(buffer)
    usage, error, _ = buffer.getvalue().partition("Error: ")
    echo_text(usage, err=True, nl=False)
    if error:
        echo(f"{error}{refusal.format_message()}", err=True)


def _write(text: str, *, err: bool = False, nl: bool = True) -> None:
    # The streams themselves: click opens one that seems to be ASCII anew, as UTF-8.
    click.echo(text, file=sys.stderr if err else sys.stdout, nl=nl)
