"""Patterns of protected paths, as in .gitignore: parsing, matching, escaping, and patterns that only add protection."""

import re
from collections.abc import Sequence
from typing import Any

import pathspec


def spec_of(patterns: Sequence[str]) -> "pathspec.PathSpec[Any]":
    """What matches paths by patterns as in .gitignore. Raises `ValueError` or `re.error` for one that is none."""
    # By default it takes the fastest engine that is installed, and some refuse file names that are no UTF-8.
    return pathspec.PathSpec.from_lines("gitignore", patterns, backend="simple")


def check_patterns(patterns: list[str]) -> list[str]:
    """`patterns`, each of which can be read. Raises `ValueError` for the first that cannot."""
    for pattern in patterns:
        if not is_readable(pattern):
            raise ValueError(f"{pattern!r:.60} is no pattern of .gitignore; correct it")
    return patterns


def escaped(path: str) -> str:
    """`path` with every special sign of .gitignore patterns behind a backslash: it matches that name alone."""
    return re.sub(r"([\\*?\[\] ])", r"\\\1", path)


def only_adding(pattern: str) -> str:
    """`pattern` without the power to remove protection: a leading `!` is escaped, and so is every special sign of a
    pattern that cannot be read."""
    if not is_readable(pattern):
        return re.sub(r"([\\*?\[\]!#])", r"\\\1", pattern)
    return f"\\{pattern}" if pattern.startswith("!") else pattern


def is_readable(pattern: str) -> bool:
    """Whether a text is such a pattern."""
    try:
        spec_of([pattern])
    except (ValueError, re.error):
        return False
    return True
