"""Reading of a program's own output for its conversation: events, text between them, and times."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workers.conversation.steps import AtifStep, AtifTrajectory, Json
from workers.untrusted import MAX_FILE_BYTES, parse_json, read_bytes


@dataclass(frozen=True)
class Round:
    """What one round of a program left."""

    stdout: Path
    out: Path
    """The directory of its result files."""
    prompt: str | None = None
    program: str | None = None
    """None: the candidate's."""


def read_text(path: Path) -> str:
    """The text of a file; a mark in place of what is beyond the limit, empty where there is none."""
    data = read_bytes(path, MAX_FILE_BYTES + 1) or b""
    mark = (
        f"\n… more than {MAX_FILE_BYTES} bytes: the rest is left out …\n"
        if len(data) > MAX_FILE_BYTES
        else ""
    )
    return data[:MAX_FILE_BYTES].decode("utf-8", "replace") + mark


def events(path: Path) -> Iterator[Json | str]:
    """The JSON objects of a file of JSON lines, and the text between them, the marks of what was left out included."""
    text: list[str] = []
    for line in read_text(path).split("\n"):
        event = parse_json(line) if line.lstrip().startswith("{") else None
        if isinstance(event, dict):
            if text:
                yield "\n".join(text)
                text = []
            yield event
        elif line.strip():
            text.append(line)
    if text:
        yield "\n".join(text)


def add_raw(trajectory: AtifTrajectory, text: str) -> None:
    """Append text that is no event, unchanged."""
    trajectory.add(AtifStep("system", text, extra={"raw": True}))


def add_prompt(trajectory: AtifTrajectory, prompt: str | None) -> None:
    """Append the prompt of a round, where the program does not repeat it."""
    if prompt is not None:
        trajectory.add(AtifStep("user", prompt))


def iso(value: Any) -> str | None:
    """RFC 3339 of Unix seconds, of milliseconds, or of such a text; None for anything else."""
    try:
        if isinstance(value, str):
            return value if datetime.fromisoformat(value) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        seconds = value / 1000 if value > 10**11 else value
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
