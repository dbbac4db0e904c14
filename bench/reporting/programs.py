"""Runs the command-line programs of trackers: a list of arguments, no shell, no prompt, with a timeout."""

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.reporting.errors import ReportError
from planner.system.foreign_text import visible_line

TIMEOUT_SECONDS: Final = 60.0
_QUIET: Final = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1", "CLICOLOR": "0"}
_PLAIN_ID: Final = re.compile(r"[^\s\x00-\x1f\x7f-]\S*", re.ASCII)
_SHOWN: Final = 300


def checked_id(issue_id: str) -> str:
    """An id that is safe as an argument: not an option, without spaces. Raises `ReportError` for any other."""
    if not _PLAIN_ID.fullmatch(issue_id) or not issue_id.isprintable():
        raise ReportError(f"the id {visible_line(issue_id)!r:.60} cannot be an argument of a program")
    return issue_id


def run_program(
    argv: Sequence[str], directory: Path | None = None, text: str = "", *, timeout: float = TIMEOUT_SECONDS
) -> str:
    """The standard output of a program that gets `text` on standard input.

    Raises `ReportError` where it is missing, fails or does not end within `timeout` seconds.
    """
    shown = visible_line(shlex.join(argv[:3]))
    try:
        done = subprocess.run(
            list(argv),
            cwd=directory,
            env={**os.environ, **_QUIET},
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise ReportError(f"{argv[0]} is not installed, or not on PATH") from error
    except subprocess.TimeoutExpired as error:
        raise ReportError(f"{shown}: no end within {timeout:g} s") from error
    except OSError as error:
        raise ReportError(f"{shown}: {error.strerror or error}") from error
    if done.returncode != 0:
        output = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = visible_line(output[0])[:_SHOWN] if output else "no message"
        raise ReportError(f"{shown}: exit status {done.returncode}: {reason}")
    return done.stdout
