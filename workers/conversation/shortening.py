"""Truncation of a long conversation: every step stays, its longest texts are shortened in the middle and marked."""

from typing import Any, Final

from workers.conversation.store import compressed, unpacked

_LONGEST: Final = 64 * 1024
_SHORTEST: Final = 64


def shorter_conversation(packed: bytes, max_bytes: int) -> bytes | None:
    """The packed conversation with texts so short that it fits in `max_bytes`; None where no length of them does."""
    try:
        document = unpacked(packed)
    except (OSError, ValueError, EOFError):
        return None
    longest = _LONGEST
    while longest >= _SHORTEST:
        body = compressed(_shortened(document, longest))
        if len(body) <= max_bytes:
            return body
        longest //= 2
    return None


def _shortened(value: Any, longest: int) -> Any:
    """`value` with every text of more than `longest` characters cut to its head and tail, with a mark between."""
    if isinstance(value, str) and len(value) > longest:
        half = longest // 2
        return f"{value[:half]}\n[{len(value) - 2 * half} characters left out]\n{value[-half:]}"
    if isinstance(value, dict):
        return {key: _shortened(each, longest) for key, each in value.items()}
    return [_shortened(each, longest) for each in value] if isinstance(value, list) else value
