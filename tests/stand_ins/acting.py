"""What the stand-ins share."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

HOW = os.environ.get("STAND_IN", "good")
NOISE = (
    b"\xff\xfe\x00 not text\n",
    b'{"type": \n',
    b"[1, 2, 3]\n",
    b"null\n",
    b'{"type": ["result"], "part": 7, "message": [], "usage": "much", "item": null}\n',
    b"{" * 50_000 + b"\n",
    b'{"type": "result", "total_cost_usd": NaN, "usage": {"input_tokens": -1}, "is_error": "no"}\n',
    b'{"type": "turn.completed", "usage": {"input_tokens": 1e400, "output_tokens": true}}\n',
    b'{"type": "step_finish", "part": {"cost": -5, "tokens": {"input": "1"}}}\n',
)


class StrictParser(argparse.ArgumentParser):
    """Refuses abbreviations and unknown options, as the programs' own parsers do."""

    def __init__(self, name: str) -> None:
        super().__init__(prog=name, allow_abbrev=False, add_help=False)


def say(data: bytes | str) -> None:
    """Write at once, so that a reader of the growing file sees it."""
    sys.stdout.buffer.write(data if isinstance(data, bytes) else data.encode() + b"\n")
    sys.stdout.buffer.flush()


def hang() -> None:
    """Never end by itself."""
    while True:
        signal.pause()


def pace() -> None:
    """The time a call of a model would take, shortened."""
    time.sleep(0.05)


def replace(file: Path, text: str) -> None:
    """Write the whole file at once, so that a kill leaves the old or the new one."""
    draft = file.with_name(f".{file.name}")
    draft.write_text(text)
    draft.replace(file)


def repair() -> None:
    """Mend the one bug of the test repository in the working directory."""
    file = Path("calc.py")
    if file.exists():
        file.write_text(file.read_text().replace("return a - b", "return a + b"))
