"""Parser of the fenced code blocks of a Markdown text, with the headings above them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_FENCE: Final = re.compile(r"^(?P<indent>[ \t]*)(?P<marks>`{3,}|~{3,})(?P<info>.*)$")
_HEADING: Final = re.compile(r"^ {0,3}(?P<marks>#{1,6})[ \t](?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class FencedBlock:
    """A fenced code block. Lines are counted from 1."""

    line: int
    """The line of the opening fence; the text starts on the next line."""
    language: str
    """The first word after the fence, in lower case."""
    text: str
    """The content without the indentation of the fence."""
    headings: tuple[str, ...]
    """The headings of the sections around the block, outermost first."""
    is_closed: bool


def fenced_blocks(text: str, reopening: frozenset[str]) -> Iterator[FencedBlock]:
    """The fenced blocks of `text` in their order, outside HTML comments and other blocks.

    Parsed as CommonMark defines them, with two exceptions. A fence that is indented more than the opening one does
    not close it, so that fences inside a YAML text do not end it. In a block of a language in `reopening`, the
    opening of another such block ends the first as unclosed.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    headings: dict[int, str] = {}
    in_comment = False
    at = 0
    while at < len(lines):
        line = lines[at]
        in_comment = in_comment or line.lstrip().startswith("<!--")
        if in_comment:
            in_comment = "-->" not in line
        elif opening := _opening(line):
            end, is_closed = _end(lines, at, opening, reopening)
            indent = len(opening["indent"])
            body = "\n".join(_dedented(inner, indent) for inner in lines[at + 1 : end])
            yield FencedBlock(at + 1, _language(opening), body, tuple(headings.values()), is_closed)
            at = end if is_closed else end - 1
        elif heading := _HEADING.match(line):
            level = len(heading["marks"])
            headings = {other: title for other, title in headings.items() if other < level}
            headings[level] = heading["text"].strip(" \t#")
        at += 1


def _opening(line: str) -> re.Match[str] | None:
    match = _FENCE.match(line)
    return None if match and "`" in match["marks"] and "`" in match["info"] else match


def _language(opening: re.Match[str]) -> str:
    return next(iter(opening["info"].lower().split(maxsplit=1)), "").strip("{}.")


def _end(lines: list[str], start: int, opening: re.Match[str], reopening: frozenset[str]) -> tuple[int, bool]:
    """The line of the closing fence and True, or the line at which an unclosed block ends and False."""
    can_reopen = _language(opening) in reopening
    for at in range(start + 1, len(lines)):
        match = _FENCE.match(lines[at])
        if match is None or len(match["indent"]) > len(opening["indent"]):
            continue
        if not match["info"].strip() and match["marks"].startswith(opening["marks"]):
            return at, True
        if can_reopen and _language(match) in reopening:
            return at, False
    return len(lines), False


def _dedented(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" \t"))) :]
