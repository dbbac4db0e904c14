"""Upper bound of the input tokens of one part of a request: by its bytes, with images and other media apart. Pure."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

MESSAGE_TOKENS: Final = 16
"""Tokens that a provider adds around one message at most."""
IMAGE_TOKENS: Final = 6_000
"""Tokens of one image at most, whatever its bytes."""
UNBOUNDED: Final = 10**9
"""Of content whose tokens its bytes do not bound: documents, sound, video, and what lies at the provider."""
_CACHE_MARKER: Final = re.compile(rb', "cache_control": \{"type": "ephemeral"(, "ttl": "(5m|1h)")?\}')
"""Where a prompt cache ends: it moves from call to call and is no input."""
_LISTS: Final = ("content", "parts", "output")
_UNBOUNDED_TYPES: Final = (
    "document",
    "file",
    "input_file",
    "input_audio",
    "audio",
    "video",
    "video_url",
    "input_video",
    "container_upload",
    "item_reference",
)
_UNBOUNDED_KEYS: Final = ("fileData", "file_data", "file_id", "file_url", "videoMetadata")
_MAX_DEPTH: Final = 4


def canonical(part: object) -> bytes:
    """The part as JSON, without markers of prompt caches."""
    return _CACHE_MARKER.sub(b"", json.dumps(part, ensure_ascii=False).encode("utf-8", "replace"))


def most_tokens(part: object, text: bytes) -> int:
    """Tokens of a part at most; `text` is its canonical form. Every token of text has at least a byte."""
    tokens = len(text) + MESSAGE_TOKENS
    for block in blocks(part):
        if _is_unbounded(block):
            return UNBOUNDED
        data = _image_data(block)
        if data is not None:
            tokens += IMAGE_TOKENS - len(data)
    return max(tokens, MESSAGE_TOKENS)


def blocks(part: object, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The content blocks of a message or item, those inside tool results included; arguments of tools are text."""
    if not isinstance(part, dict) or depth > _MAX_DEPTH:
        return
    if depth or part.get("type") in _UNBOUNDED_TYPES:
        yield part
    for name in _LISTS:
        inner = part.get(name)
        if isinstance(inner, list):
            for each in inner:
                yield from blocks(each, depth + 1)


def _is_unbounded(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    source = block.get("source")
    if kind == "document" and isinstance(source, dict) and source.get("type") == "text":
        return False
    if kind in _UNBOUNDED_TYPES or any(key in block for key in _UNBOUNDED_KEYS):
        return True
    inline = block.get("inlineData") or block.get("inline_data")
    return isinstance(inline, dict) and not _is_image_type(inline.get("mimeType") or inline.get("mime_type"))


def _image_data(block: dict[str, Any]) -> str | None:
    """The inline data of an image, empty for one at an address; None for a block that is no image."""
    kind = block.get("type")
    if kind == "image":
        source = block.get("source")
        return _text(source.get("data")) if isinstance(source, dict) else ""
    if kind in ("image_url", "input_image"):
        value = block.get("image_url")
        url = _text(value.get("url") if isinstance(value, dict) else value)
        return url if url.startswith("data:image/") else ""
    inline = block.get("inlineData") or block.get("inline_data")
    if isinstance(inline, dict):
        return _text(inline.get("data"))
    return None


def _is_image_type(value: object) -> bool:
    return isinstance(value, str) and value.startswith("image/")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
