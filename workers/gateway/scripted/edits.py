"""Edits that the scripted model makes, in the forms that coding agents take them: a shell command, or text blocks."""

import json
import re
import shlex
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Replacement:
    """Replacement of one line of a file by another."""

    path: str
    before: str
    after: str

    def __post_init__(self) -> None:
        if "\n" in self.before + self.after or not self.before:
            raise ValueError(f"a replacement in {self.path} is one line each")


CALC: Final = (Replacement("calc.py", "    return a - b", "    return a + b"),)
"""The fix of the small test repository: `add` in calc.py subtracts."""


def load_edits(path: Path) -> tuple[Replacement, ...]:
    """Edits from a JSON file: a list of objects with `path`, `before` and `after`.

    Raises:
        ValueError: the file is not of that form.
    """
    try:
        return tuple(Replacement(**each) for each in json.loads(path.read_text("utf-8")))
    except TypeError as error:
        raise ValueError(
            f"{path}: a list of objects with path, before and after is needed: {error}"
        ) from None


def shell_command(edits: tuple[Replacement, ...]) -> str:
    """A command line that makes the edits with sed."""
    commands = []
    for path, group in groupby(edits, key=lambda edit: edit.path):
        scripts = [f"s/^{_pattern(edit.before)}$/{_replacement(edit.after)}/" for edit in group]
        words = [word for script in scripts for word in ("-e", script)]
        commands.append(shlex.join(["sed", "-i", *words, path]))
    return " && ".join(commands)


def search_replace(edits: tuple[Replacement, ...]) -> str:
    """The edits as SEARCH/REPLACE blocks."""
    blocks = [
        f"{edit.path}\n```\n<<<<<<< SEARCH\n{edit.before}\n=======\n{edit.after}\n>>>>>>> REPLACE\n```\n"
        for edit in edits
    ]
    return "Here is the fix.\n\n" + "\n".join(blocks)


def bash_block(command: str) -> str:
    """A command as the block that mini-swe-agent takes from a model without tools."""
    return f"THOUGHT: this is the next step.\n\n```mswea_bash_command\n{command}\n```"


def _pattern(text: str) -> str:
    return re.sub(r"([\[\]\\/.*^$])", r"\\\1", text)


def _replacement(text: str) -> str:
    return re.sub(r"([\\/&])", r"\\\1", text)
