"""Tokenizer of SQL as far as it takes to split a text into its statements and to name the command of each."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

# PostgreSQL's own rules: every character beyond ASCII is a letter, and a word may contain `$` after its first.
_LETTER: Final = "A-Za-z_\x80-\U0010ffff"
_TOKEN: Final = re.compile(
    rf"""
    (?P<blank>[ \t\n\r\f\v\ufeff]+ | --[^\n\r]*)
    | (?P<comment>/\*)
    | (?P<end>;)
    | (?P<dollars>\$(?:[{_LETTER}][{_LETTER}0-9]*)?\$)
    | [eE]'(?:[^'\\]|\\.|'')*'?
    | '[^']*'?
    | "[^"]*"?
    | (?P<word>[{_LETTER}][{_LETTER}0-9$]*)
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")


class Statement(NamedTuple):
    """One statement of a text, without the semicolon and what precedes its first token."""

    text: str
    start: int
    """Where it begins in the whole text, in characters."""
    command: str
    """Its first word in upper case, whatever parentheses precede it; empty where its first token is no word."""


def split_statements(text: str) -> list[Statement]:
    """The statements of a text in order: semicolons in comments, strings, quoted names and dollar quotes split nothing.

    What has no end reaches to the end of the text, for the server to refuse.
    """
    statements: list[Statement] = []
    start: int | None = None
    command: str | None = None
    for kind, lexeme, position in _tokens(text):
        if kind == "end":
            if start is not None:
                statements.append(Statement(text[start:position], start, command or ""))
            start = command = None
            continue
        start = position if start is None else start
        if command is None and lexeme != "(":
            command = lexeme.upper() if kind == "word" else ""
    if start is not None:
        statements.append(Statement(text[start:], start, command or ""))
    return statements


def _tokens(text: str) -> Iterator[tuple[str | None, str, int]]:
    """Kind, text and position of each token that is neither a comment nor white space."""
    position = 0
    while match := _TOKEN.match(text, position):
        kind, position = match.lastgroup, match.end()
        if kind == "comment":
            position = _comment_end(text, position)
        elif kind == "dollars":
            closing = text.find(match[0], position)
            position = len(text) if closing < 0 else closing + len(match[0])
        if kind not in ("blank", "comment"):
            yield kind, match[0], match.start()


def _comment_end(text: str, position: int) -> int:
    """The position after a comment whose text begins here; comments nest."""
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(text, position)):
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position if depth == 0 else len(text)
