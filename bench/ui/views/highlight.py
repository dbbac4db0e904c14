"""Syntax highlighting of source code with Pygments: lines of escaped markup with a few CSS classes."""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import PurePosixPath
from typing import Final

from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token, _TokenType

_MOST_CHARACTERS: Final = 10_000
"""Of one hunk: a lexer is a set of regular expressions, whose time on hostile code may grow with its square."""
# A fixed list: Pygments has hundreds of lexers, and foreign code chooses the name of its file. Those of Java and C#
# are not in it: "a b a b …" takes them seconds.
_LEXERS: Final = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".mjs": "javascript", ".jsx": "javascript",
    ".ts": "typescript", ".tsx": "typescript", ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml",
    ".go": "go", ".rs": "rust", ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".hpp": "cpp", ".kt": "kotlin",
    ".rb": "ruby", ".php": "php", ".sh": "bash", ".bash": "bash", ".sql": "sql",
    ".css": "css", ".html": "html", ".xml": "xml", ".ini": "ini", ".cfg": "ini",
}  # fmt: skip
_CLASSES: Final[dict[_TokenType, str]] = {
    Token.Keyword: "hk",
    Token.Operator.Word: "hk",
    Token.Name.Tag: "hk",
    Token.Name.Function: "hf",
    Token.Name.Class: "hf",
    Token.Name.Attribute: "hf",
    Token.Name.Builtin: "hb",
    Token.Name.Decorator: "hb",
    Token.Literal.String: "hs",
    Token.Literal.Number: "hn",
    Token.Comment: "hc",
}


@cache
def lexer_of(suffix: str) -> Lexer | None:
    """The lexer of files with this suffix; None where they are shown plain."""
    name = _LEXERS.get(suffix)
    lexer: Lexer | None = get_lexer_by_name(name, stripnl=False, ensurenl=False) if name else None
    return lexer


def highlighted(lines: Sequence[str], path: str) -> list[Markup]:
    """Each line as markup in which everything but the tags of classes is escaped; plain where it cannot be read."""
    lexer = lexer_of(PurePosixPath(path).suffix.lower())
    if lexer is None or sum(map(len, lines)) > _MOST_CHARACTERS:
        return [escape(line) for line in lines]
    runs: list[list[tuple[str, str]]] = [[]]
    for kind, text in lexer.get_tokens("\n".join(lines)):
        name = _class_of(kind)
        for number, part in enumerate(text.split("\n")):
            if number:
                runs.append([])
            if part:
                runs[-1].append((name, part))
    if len(runs) != len(lines):
        return [escape(line) for line in lines]
    return [_marked(line) for line in runs]


def _marked(runs: list[tuple[str, str]]) -> Markup:
    """A line from runs of characters with their classes; neighbours of one class share an element."""
    parts = []
    for name, group in groupby(runs, lambda run: run[0]):
        text = escape("".join(part for _, part in group))
        parts.append(f'<span class="{name}">{text}</span>' if name else text)
    # Each class is a constant of this file, and each text is escaped.
    return Markup("".join(parts))  # noqa: S704


@cache
def _class_of(kind: _TokenType) -> str:
    """The class of a token, of its nearest ancestor that has one; empty for plain text."""
    while kind is not Token:
        if kind in _CLASSES:
            return _CLASSES[kind]
        kind = kind.parent
    return ""
