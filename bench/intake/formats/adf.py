"""Renderer of the Atlassian Document Format (ADF), in which Jira's API writes texts, as Markdown."""

from collections.abc import Mapping
from typing import Any, Final

_MARKS: Final = {"strong": "**", "em": "*", "code": "`", "strike": "~~"}
_DEEPEST: Final = 60


def markdown_of(value: Any) -> str:
    """The text of a document; of a plain text the text itself, of anything else the empty text."""
    if isinstance(value, str):
        return value
    return _block(value, 0).strip() if isinstance(value, Mapping) else ""


def _children(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = node.get("content")
    return [child for child in content if isinstance(child, Mapping)] if isinstance(content, list) else []


def _attribute(node: Mapping[str, Any], *names: str) -> str:
    attributes = node.get("attrs")
    values = [attributes.get(name) for name in names] if isinstance(attributes, Mapping) else []
    return next((str(value) for value in values if isinstance(value, str | int) and str(value)), "")


def _block(node: Mapping[str, Any], depth: int) -> str:
    """A node and what is below it, as Markdown."""
    kind = node.get("type")
    if depth > _DEEPEST:
        return "[nested too deep; left out]"
    if kind in ("bulletList", "orderedList", "taskList", "decisionList"):
        return _list(node, depth)
    if kind == "table":
        return "\n".join(_row(row, depth) for row in _children(node))
    if kind == "codeBlock":
        return f"```{_attribute(node, 'language')}\n{_inline(node, depth)}\n```"
    if kind == "heading":
        level = _attribute(node, "level")
        return f"{'#' * (int(level) if level in '123456' and level else 1)} {_inline(node, depth)}"
    if kind == "blockquote":
        return "\n".join(f"> {line}" for line in _blocks(node, depth).split("\n"))
    if kind == "rule":
        return "---"
    if kind in ("paragraph", "taskItem", "decisionItem"):
        return _inline(node, depth)
    if not _children(node):
        return _leaf(node)
    title = _attribute(node, "title")
    return "\n\n".join(part for part in (title, _blocks(node, depth)) if part)


def _blocks(node: Mapping[str, Any], depth: int) -> str:
    parts = (_block(child, depth + 1) for child in _children(node))
    return "\n\n".join(part for part in parts if part.strip())


def _list(node: Mapping[str, Any], depth: int) -> str:
    lines = []
    for number, item in enumerate(_children(node), start=1):
        mark = f"{number}. " if node.get("type") == "orderedList" else "- "
        if item.get("type") == "taskItem":
            mark += "[x] " if _attribute(item, "state") == "DONE" else "[ ] "
            text = _inline(item, depth + 1)
        elif item.get("type") in ("listItem", "decisionItem"):
            text = "\n".join(_block(child, depth + 2) for child in _children(item))
        else:
            text = _block(item, depth + 1)
        lines.append(mark + text.replace("\n", "\n" + " " * len(mark)))
    return "\n".join(lines)


def _row(row: Mapping[str, Any], depth: int) -> str:
    cells = (_blocks(cell, depth + 2).replace("\n", " ") for cell in _children(row))
    return f"| {' | '.join(cells)} |"


def _inline(node: Mapping[str, Any], depth: int) -> str:
    return "".join(
        _block(child, depth + 1) if child.get("content") else _leaf(child) for child in _children(node)
    )


def _leaf(node: Mapping[str, Any]) -> str:
    kind = node.get("type")
    if kind == "text":
        return _marked(str(node.get("text") or ""), node.get("marks"))
    if kind == "hardBreak":
        return "\n"
    if kind in ("media", "mediaInline"):
        return f"[attachment {_attribute(node, 'alt', 'id')}]"
    if kind in ("inlineCard", "blockCard", "embedCard"):
        return _attribute(node, "url")
    return _attribute(node, "text", "shortName", "url", "timestamp")


def _marked(text: str, marks: Any) -> str:
    for mark in marks if isinstance(marks, list) else ():
        if not isinstance(mark, Mapping):
            continue
        kind = mark.get("type")
        if kind == "link" and (href := _attribute(mark, "href")) and href != text:
            text = f"[{text}]({href})"
        elif isinstance(kind, str) and kind in _MARKS and text.strip():
            text = f"{_MARKS[kind]}{text}{_MARKS[kind]}"
    return text
