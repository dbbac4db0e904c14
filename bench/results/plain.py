"""Estimates as JSON."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from bench.statistics.oracle import OracleBracket


def bracket_document(found: OracleBracket | str) -> dict[str, Any]:
    """The bracket of the oracle and of regrets, or why there is none."""
    return {"why_not": found} if isinstance(found, str) else plain(found)


def plain(found: Any) -> Any:
    """Named tuples and dataclasses as objects, for JSON."""
    if hasattr(found, "_asdict"):
        return plain(found._asdict())
    if is_dataclass(found) and not isinstance(found, type):
        return plain({field.name: getattr(found, field.name) for field in fields(found)})
    if isinstance(found, Mapping):
        return {key: plain(value) for key, value in found.items()}
    if isinstance(found, tuple | list):
        return [plain(value) for value in found]
    return found
