"""Serialization of estimates to JSON values."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from bench.statistics.oracle import OracleBracket


def bracket_document(bracket: OracleBracket | str) -> dict[str, Any]:
    """The bounds on the oracle and on regrets as a document, or why there are none."""
    return {"why_not": bracket} if isinstance(bracket, str) else plain(bracket)


def plain(value: Any) -> Any:
    """Serialize named tuples and dataclasses recursively to dictionaries, lists and scalars."""
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if is_dataclass(value) and not isinstance(value, type):
        return plain({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value
