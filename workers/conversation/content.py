"""Content blocks as text: what a dialect writes as a string or as a list of typed parts."""

import json
from typing import Any

from workers.conversation.steps import Json
from workers.untrusted import mapping, parse_json, sequence

_MAX_DEPTH = 60
_TOO_DEEP = "[nested too deep]"
_TEXTS = ("text", "input_text", "output_text", "summary_text", "reasoning_text", "thinking")


def text_of(content: Any, depth: int = 0) -> str:
    """The text of a string or of a list of parts; what is no text is replaced by a mark with its size."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and depth < _MAX_DEPTH:
        return "\n".join(filter(None, (_part(each, depth + 1) for each in content)))
    return "" if content is None else dump(content)


def _part(part: Any, depth: int) -> str:
    if isinstance(part, str):
        return part
    block = mapping(part)
    for key in ("text", "thinking", "refusal"):
        if isinstance(block.get(key), str) and block.get("type", "text") in (*_TEXTS, "refusal"):
            return str(block[key])
    if is_media(block):
        return mark(block)
    return text_of(block["content"], depth) if "content" in block else dump(part)


def is_media(block: Json) -> bool:
    """Whether a part is an image, a sound or a file."""
    kind = str(block.get("type", ""))
    return (
        any(word in kind for word in ("image", "audio", "document", "file", "media")) or "inlineData" in block
    )


def mark(block: Json) -> str:
    """The mark in place of a part that is no text."""
    kind = block.get("type") or mapping(block.get("inlineData")).get("mimeType") or "data"
    return f"[{kind}: {len(dump(block))} characters left out]"


def dump(value: Any) -> str:
    """`value` as JSON text, with sorted keys; a mark where it is nested too deep."""
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    except RecursionError:
        return _TOO_DEEP


def bounded(value: Any, depth: int = 0) -> Any:
    """`value` with a mark in place of what is nested deeper than any program's own data."""
    if depth > _MAX_DEPTH and isinstance(value, dict | list):
        return _TOO_DEEP
    if isinstance(value, dict):
        return {key: bounded(each, depth + 1) for key, each in value.items()}
    return [bounded(each, depth + 1) for each in value] if isinstance(value, list) else value


def arguments(value: Any) -> Json:
    """The arguments of a call as an object: text that is none is kept under `input`."""
    decoded = parse_json(value) if isinstance(value, str) else value
    if isinstance(decoded, dict):
        return decoded
    return {} if value in (None, "") else {"input": value if decoded is None else decoded}


def texts(parts: Any, *kinds: str) -> str:
    """The text of the parts of these types."""
    return text_of([each for each in sequence(parts) if mapping(each).get("type") in kinds])
