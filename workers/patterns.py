"""Patterns of protected paths, as in .gitignore: which ones can be read, and one that only ever adds protection."""

import re

import pathspec


def check_patterns(patterns: list[str]) -> list[str]:
    """`patterns`, each of which can be read. Raises `ValueError` for the first that cannot."""
    for pattern in patterns:
        if not _is_readable(pattern):
            raise ValueError(f"{pattern!r:.60} is no pattern of .gitignore; correct it")
    return patterns


def only_adding(pattern: str) -> str:
    """`pattern` without the power to take protection away: a leading `!` is meant as it stands, and so is all of a
    pattern that cannot be read."""
    if not _is_readable(pattern):
        return re.sub(r"([\\*?\[\]!#])", r"\\\1", pattern)
    return f"\\{pattern}" if pattern.startswith("!") else pattern


def _is_readable(pattern: str) -> bool:
    try:
        pathspec.PathSpec.from_lines("gitignore", [pattern], backend="simple")
    except (ValueError, re.error):
        return False
    return True
