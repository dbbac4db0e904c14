"""Reading files of an untrusted program: bounded, without blocking on pipes or following links, never raising."""

import json
import math
import os
import re
import stat
from pathlib import Path
from typing import Any

MAX_FILE_BYTES = 64 * 1024 * 1024
"""The most bytes that are read of a stream or trajectory."""
MAX_COUNT = 10**15
"""Larger counters are invalid, and would not fit the database."""
MAX_USD = 1e6

# Outside Linux a directory must be readable to be opened on the way to a file.
_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SECRET = re.compile(r"\b(sk|key|AKIA|ghp|xoxb)[-_][A-Za-z0-9_*-]{6,}")


def open_regular(path: Path) -> int | None:
    """A descriptor of a regular file, for reading; None where there is none.

    No link is followed, in no part of the path, and a named pipe does not block: the program controls what is there.
    `path` is absolute, and the directories that are not the program's contain no links.
    """
    *directories, name = path.parts
    try:
        parent = os.open(directories[0], _DIRECTORY)
    except (OSError, IndexError):
        return None
    try:
        for directory in directories[1:]:
            inner = os.open(directory, _DIRECTORY, dir_fd=parent)
            os.close(parent)
            parent = inner
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    except (OSError, ValueError):
        return None
    finally:
        os.close(parent)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    return None


def read_bytes(path: Path, limit: int = MAX_FILE_BYTES) -> bytes | None:
    """The first `limit` bytes of a regular file; None where there is none."""
    handle = open_regular(path)
    if handle is None:
        return None
    try:
        with open(handle, "rb", closefd=False) as file:
            return file.read(limit)
    except OSError:
        return None
    finally:
        os.close(handle)


def read_tail(path: Path, limit: int = 2000) -> str:
    """The end of a text file; empty where there is none."""
    data = read_bytes(path) or b""
    return data[-limit:].decode("utf-8", "replace").strip()


def parse_json(text: bytes | str) -> Any:
    """The JSON value, or None for anything that is not JSON (nested too deep included)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def mapping(value: Any) -> dict[str, Any]:
    """`value` where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """`value` where it is a JSON list, else an empty one."""
    return value if isinstance(value, list) else []


def count(value: Any) -> int | None:
    """A plausible counter: a whole number from 0 to `MAX_COUNT`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_COUNT else None


def dollars(value: Any) -> float | None:
    """A plausible amount of US dollars."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and value > MAX_USD:
        return None
    amount = float(value)
    return amount if math.isfinite(amount) and 0 <= amount <= MAX_USD else None


def micro(usd: float | None) -> int | None:
    """Dollars as whole micro-dollars, never rounded down: a charge must not shrink to nothing."""
    return None if usd is None else math.ceil(round(usd * 1_000_000, 3))


def one_line(value: Any, limit: int = 300) -> str:
    """Text for a message: one line, storable as UTF-8 without NUL, bounded, with keys redacted."""
    if not isinstance(value, str):
        return ""
    text = value[: limit * 20].encode("utf-8", "replace").decode("utf-8")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = _SECRET.sub(r"\1-…", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
