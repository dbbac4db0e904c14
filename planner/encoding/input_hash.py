"""Digest of a planner_input, with a cache for the parts that repeat."""

import hashlib
import marshal
from collections.abc import Mapping
from typing import Any, Final

from planner.canonical import canonical_json

_REMEMBERED: Final = 2048
_LONGEST_REMEMBERED: Final = 4096
_RUNS: Final = "last_n_similar_runs"


class _Fragments(dict[bytes, str]):
    """Bounded cache of canonical JSON, keyed by marshalled bytes, which differ wherever the JSON does.

    Marshalling takes a third of the time. The runs of a history repeat between issues and the action space always does,
    so most of an input is a cache hit.
    """

    def of(self, value: Any) -> str:
        """`canonical_json(value)`, cached."""
        try:
            key = marshal.dumps(value, 2)
        except ValueError:
            return canonical_json(value)
        known = self.get(key)
        if known is None:
            known = canonical_json(value)
            if len(key) <= _LONGEST_REMEMBERED:
                if len(self) >= _REMEMBERED:
                    self.clear()
                self[key] = known
        return known


_fragments: Final = _Fragments()


def hash_of(planner_input: Mapping[str, Any]) -> str:
    """SHA-256 digest of the canonical JSON without `created_at`.

    Raises `ValueError` or `TypeError` where a value is not JSON.
    """
    parts = [
        f"{canonical_json(key)}:{_json_of(key, planner_input[key])}"
        for key in sorted(planner_input)
        if key != "created_at"
    ]
    return hashlib.sha256(f"{{{','.join(parts)}}}".encode()).hexdigest()


def _json_of(key: str, value: Any) -> str:
    if key == "action_space":
        return _fragments.of(value)
    if key == "history" and type(value) is dict and list(value) == [_RUNS] and type(value[_RUNS]) is list:
        return f'{{"{_RUNS}":[{",".join(map(_fragments.of, value[_RUNS]))}]}}'
    return canonical_json(value)
