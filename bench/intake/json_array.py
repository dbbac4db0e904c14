"""Streaming of a JSON array as if each element were a JSON Lines record, for exports that are one document."""

import json
from collections.abc import Iterable, Iterator
from typing import Final

_SLICER: Final = json.JSONDecoder()
_BETWEEN: Final = " \t\r\n,"


def numbered_records(lines: Iterable[bytes | str]) -> Iterator[tuple[int, bytes | str]]:
    """The records of a file with their line numbers from 1: lines, or the elements of an array that begins the file.

    From the first element that cannot be parsed, the rest is returned line by line.
    """
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        text = line.decode("latin-1").removeprefix("ï»¿") if isinstance(line, bytes) else line
        if not text.strip():
            continue
        if text.lstrip("\ufeff \t").startswith("["):
            yield from _elements(number, [line, *(rest for _, rest in numbered)])
        else:
            yield number, line
            break
    yield from numbered


def _elements(number: int, lines: list[bytes | str]) -> Iterator[tuple[int, bytes | str]]:
    # Every byte is a character of Latin-1, and the structural characters of JSON are the same in it.
    text = "".join(
        (line if isinstance(line, bytes) else line.encode("utf-8", "replace")).decode("latin-1")
        for line in lines
    )
    at = text.index("[") + 1
    begins, counted = number, 0
    while True:
        while at < len(text) and text[at] in _BETWEEN:
            at += 1
        number += text.count("\n", counted, at)
        counted = at
        if text[at : at + 1] == "]":
            at += 1
            break
        if at == len(text):
            yield begins, b"["
            return
        try:
            _, end = _SLICER.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        yield number, text[at:end].encode("latin-1")
        at = end
    rest = enumerate(text[at:].split("\n"), start=number)
    yield from ((line_number, line.encode("latin-1")) for line_number, line in rest)
