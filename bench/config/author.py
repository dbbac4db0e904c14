"""The author of landed commits, as a config names it."""

import re
from typing import Final, NamedTuple

_AUTHOR: Final = re.compile(r"\s*([^<>\n]*[^<>\s])\s*<([^<>\s]+)>\s*")


class Person(NamedTuple):
    """Name and e-mail address, as Git writes them into a commit."""

    name: str
    email: str


def parse_author(text: str) -> Person:
    """`Name <address>` as a person. Raises `ValueError` for any other text."""
    match = _AUTHOR.fullmatch(text)
    if match is None or not text.strip().isprintable():
        raise ValueError('write an author as "Name <name@example.org>"')
    return Person(match[1], match[2])
