"""The hash that names a planner_input, worked out quickly where parts of it were seen before."""

import hashlib
import marshal
from collections.abc import Mapping
from typing import Any, Final

from planner.canonical import canonical_json

_REMEMBERED: Final = 2048
_LONGEST_REMEMBERED: Final = 4096
_RUNS: Final = "last_n_similar_runs"


class _Fragments(dict[bytes, str]):
    """Canonical JSON of values by their marshalled bytes, which differ wherever the JSON does.

    Marshalling takes a third of the time. The runs of a history come back from issue to issue and the action
    space always does, so most of an input is only looked up.
    """

    def of(self, value: Any) -> str:
        """`canonical_json(value)`."""
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
    """SHA-256 of the canonical JSON without `created_at`; an error of json's for what is no JSON."""
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
