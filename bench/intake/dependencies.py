"""Normalisation of dependencies: every notation of a backlog becomes an edge "`issue_id` waits for `depends_on_id`".

- `{issue_id, depends_on_id, type}`, `{id, type}` and plain ids inside an issue's `dependencies`, `depends_on` or
  `blocked_by`: the issue waits for the named one. `dk_parent` or `parent` is read elsewhere.
- the same inside its `dependents` or `blocks`: the named one waits for the issue.
- `{from, to, type}`, there and in a file of its own: `to` waits for `from`, and `to` is the child of `from`;
  types with the opposite direction, such as `blocked-by`, reverse the edge.
"""

from collections.abc import Mapping
from typing import Any, Final

from bench.intake.fields import Fields
from bench.intake.issue import Dependency

FORWARD_KEYS: Final = ("dependencies", "depends_on", "blocked_by")
BACKWARD_KEYS: Final = ("dependents", "blocks")
_TYPES: Final = {
    **dict.fromkeys(("blocks", "block", "blocking", "blocker", "hard"), "blocks"),
    **dict.fromkeys(("blocked-by", "depends-on", "depends", "requires", "needs"), "blocks"),
    **dict.fromkeys(
        ("parent-child", "parent-of", "child-of", "parent", "child", "subtask-of"), "parent-child"
    ),
    **dict.fromkeys(("conditional-blocks", "conditional-block"), "conditional-blocks"),
    **dict.fromkeys(("waits-for", "wait-for"), "waits-for"),
}
# Types with the opposite direction: the first of the two issues waits, or is the child.
_OF_THE_WAITING: Final = frozenset(
    {"blocked-by", "depends-on", "depends", "requires", "needs", "child-of", "subtask-of"}
)
DECIDING: Final = frozenset(_TYPES.values())
"""The types that decide whether an issue may start."""


def dependencies_of(issue_id: str, fields: Fields) -> list[Dependency]:
    """Edges named by the record of an issue, from it and to it; entries without an id are reported."""
    edges: dict[Dependency, None] = {}
    for keys, backward in ((FORWARD_KEYS, False), (BACKWARD_KEYS, True)):
        for key in keys:
            for entry in _entries(key, fields):
                edge = _edge(entry, issue_id, backward=backward)
                if edge is None:
                    fields.warn(f"{key}: an entry names no issue that is depended on; left out")
                else:
                    edges[edge] = None
    return list(edges)


def edge_of(record: Mapping[str, Any]) -> Dependency:
    """Parse the edge of one record `{from, to, type}` or `{issue_id, depends_on_id, type}`.

    Raises: `ValueError` where it does not name two issues.
    """
    word, kind = _type(record)
    waiting, other = _id(record, "to", "to_id"), _id(record, "from", "from_id")
    if waiting is None or other is None:
        waiting, other = _id(record, "issue_id"), _id(record, "depends_on_id", "depends_on")
    elif word in _OF_THE_WAITING:
        waiting, other = other, waiting
    if waiting is None or other is None:
        raise ValueError('names no two issues; write {"from": …, "to": …, "type": "blocks"}')
    return Dependency(issue_id=waiting, depends_on_id=other, type=kind)


def _entries(key: str, fields: Fields) -> list[Any]:
    value = fields.record.get(key)
    if value is None or isinstance(value, list):
        return value or []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    fields.warn(f"{key}: not a list; left out")
    return []


def _edge(entry: Any, issue_id: str, *, backward: bool) -> Dependency | None:
    if isinstance(entry, dict):
        if ("from" in entry and "to" in entry) or ("from_id" in entry and "to_id" in entry):
            try:
                return edge_of(entry)
            except ValueError:
                return None
        word, kind = _type(entry)
        other = _id(entry, "depends_on_id", "depends_on", "target", "id")
        owner = _id(entry, "issue_id") or issue_id
        backward = backward and "depends_on_id" not in entry
        backward ^= word == "parent-of"
    else:
        kind, other = _prefixed(entry)
        owner = issue_id
    if other is None:
        return None
    waiting, target = (other, owner) if backward else (owner, other)
    return Dependency(issue_id=waiting, depends_on_id=target, type=kind)


def _prefixed(entry: Any) -> tuple[str, str | None]:
    """Type and id of a plain entry; Beads' command line writes both as `discovered-from:a-1`."""
    other = _as_id(entry)
    prefix, colon, rest = (other or "").partition(":")
    word = _word(prefix)
    if colon and rest.strip() and (word in _TYPES or word in {"discovered-from", "related", "relates-to"}):
        return _TYPES.get(word, word), rest.strip()
    return "blocks", other


def _type(entry: Mapping[str, Any]) -> tuple[str, str]:
    """The type as it is spelled, in lower case with hyphens, and its canonical type."""
    for key in ("type", "dependency_type", "dep_type"):
        value = entry.get(key)
        if isinstance(value, str) and value.strip():
            word = _word(value)
            return word, _TYPES.get(word, word)
    return "blocks", "blocks"


def _word(text: str) -> str:
    return text.strip().lower().replace("_", "-").replace(" ", "-")


def _id(entry: Mapping[str, Any], *keys: str) -> str | None:
    return next((value for value in (_as_id(entry.get(key)) for key in keys) if value is not None), None)


def _as_id(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None
