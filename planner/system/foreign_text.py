"""Escaping of untrusted text: control and format characters, Markdown and HTML.

Titles, ids, tags, file names, messages of programs and of the database are untrusted. A terminal interprets some
characters: ESC and C1 controls move the cursor, set the title, write the clipboard. Bidi overrides and zero-width
characters make one name look like another. Each such character is shown as `\\x1b`, `\\u202e` or
`\\U000e0001`, as in a string of Python.
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final

# Cc, Cf, Cs, Zl and Zp of Unicode 16, and what is ignorable by default: fillers, joiners, selectors, tags.
_HIDDEN: Final = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    r"\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    r"\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# The selector of an emoji's form hides nothing where it follows a symbol: "⚠️".
_SYMBOLS: Final = (
    r"\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_UNSEEN: Final = re.compile(rf"[{_HIDDEN}\ufe00-\ufe0d]|(?<![{_SYMBOLS}])[\ufe0e\ufe0f]")
_UNSEEN_IN_JSON: Final = re.compile(rf"(?![\n])(?:{_UNSEEN.pattern})")
_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Everything that begins emphasis, code, links, images, HTML, entities, mathematics, strikethrough or a cell.
_MARKS: Final = re.compile(r"[\\`*\[\]<>&|~$]|(?<!\w)_|_(?!\w)")
# Autolinks and mentions of GitHub.
_LINKS: Final = re.compile(r":(?=//)|(?<=\bwww)\.|@(?=\w)", re.IGNORECASE)
_BLOCK: Final = re.compile(r"^(\s*)(#{1,6}(?=\s|$)|[-+=](?=[\s=-]|$)|\d{1,9}(?=[.)](?:\s|$)))")


def visible_line(text: str) -> str:
    """Escape every control and format character, including line breaks and tabs."""
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub(_escape, text)


def visible_text(text: str) -> str:
    """Escape control and format characters, except line breaks; a tab becomes spaces."""
    return "\n".join(visible_line(line.expandtabs(4)) for line in text.replace("\r\n", "\n").split("\n"))


def markdown_text(text: str) -> str:
    """Escape text for one line of Markdown or a cell of a table: no markup, link, mention or HTML is active."""
    escaped = _MARKS.sub(_backslashed, visible_line(text))
    return _BLOCK.sub(_no_block, _LINKS.sub(_backslashed, escaped))


def markdown_code(text: str) -> str:
    """A Markdown code span with a fence longer than any backticks in the text."""
    plain = visible_line(text).replace("|", "\\|")
    longest = max(map(len, re.findall("`+", plain)), default=0)
    space = " " if plain.startswith("`") or plain.endswith("`") or not plain else ""
    fence = "`" * (longest + 1)
    return f"{fence}{space}{plain}{space}{fence}"


def markdown_block(text: str) -> str:
    """A fenced block of Markdown, with a fence longer than any backticks in the text."""
    plain = visible_text(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", plain)), default=0))
    return f"{fence}text\n{plain}\n{fence}"


def json_text(value: Any, *, indent: int | None = 2, default: Callable[[Any], Any] | None = None) -> str:
    """JSON that is safe for a terminal: control and format characters are written as `\\uXXXX`."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=default)
    return _UNSEEN_IN_JSON.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _backslashed(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


def _no_block(match: re.Match[str]) -> str:
    space, mark = match.groups()
    # In a numbered list the sign after the number is the markup.
    return f"{space}{mark}\\" if mark[0].isdigit() else f"{space}\\{mark}"
