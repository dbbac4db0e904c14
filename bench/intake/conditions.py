"""Predicates on issues for slices and filters: validated before use, then matched.

A condition names a field and gives a value, a list of values (any of them), or an inclusive range `{min, max}`.
Ranges apply to `dk_priority` (P0 to P3), `dk_risk`, `dk_size`, numbers and times. A field that is a list matches
where any of its entries does; `tags_any` and `tags_all` take a list of tags.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from bench.intake.errors import IntakeError
from bench.intake.issue import PRIORITIES, RISKS, SIZES, Issue
from bench.intake.nearest import did_you_mean
from bench.intake.times import parse_time
from planner.actions import JOB_TYPES
from planner.system.clock import rfc3339

Condition = Mapping[str, Any]

_RANKS: Final[dict[str, Sequence[str]]] = {"dk_priority": PRIORITIES, "dk_risk": RISKS, "dk_size": SIZES}
_CHOICES: Final[dict[str, Sequence[str]]] = {
    **_RANKS,
    "job_type": JOB_TYPES,
    "domain": [name.replace("-", "_") for name in JOB_TYPES],
}
_NUMBERS: Final = frozenset({"dk_attempts", "dk_estimated_tokens"})
_TIMES: Final = frozenset({"created", "updated"})
_TAG_KEYS: Final = ("tags_any", "tags_all")
_NULLABLE: Final = frozenset(
    {"created", "updated", "dk_tool_hint", "dk_parent", "dk_estimated_tokens", "issue_type"}
)
# Objects and lists of objects: nothing to compare a value with.
_OPAQUE: Final = {"extra", "workcell", "dependencies"}
FIELDS: Final = tuple(sorted({*Issue.model_fields, "job_type", "domain"} - _OPAQUE))


def checked(definition: Condition, path: str) -> dict[str, Any]:
    """Validate and normalise `definition` (times in UTC, statuses in lower case).

    Raises: `IntakeError`, with `path` and the key, where no issue has such a field or no such value can occur.
    """
    return {key: _checked(key, wanted, f"{path}.{key}") for key, wanted in definition.items()}


def _checked(key: str, wanted: Any, path: str) -> Any:
    if key not in FIELDS and key not in _TAG_KEYS:
        known = [*FIELDS, *_TAG_KEYS]
        hint = did_you_mean(str(key), known)
        raise IntakeError(f"{path}: issues have no such field{hint} (known: {', '.join(known)})")
    if isinstance(wanted, Mapping):
        return _checked_range(key, wanted, path)
    if isinstance(wanted, list):
        if not wanted:
            raise IntakeError(f"{path}: an empty list matches nothing; leave the key out")
        return [_checked_value(key, value, path) for value in wanted]
    value = _checked_value(key, wanted, path)
    return [value] if key in _TAG_KEYS else value


def _checked_range(key: str, wanted: Mapping[str, Any], path: str) -> dict[str, Any]:
    if key not in _RANKS and key not in _NUMBERS and key not in _TIMES:
        raise IntakeError(f"{path}: this field has no order; give a value or a list")
    if not wanted or not set(wanted) <= {"min", "max"}:
        raise IntakeError(f"{path}: a range has min, max or both, and no other key")
    ends = {end: _checked_value(key, value, path) for end, value in wanted.items()}
    if None in ends.values():
        raise IntakeError(f"{path}: leave min or max out instead of null")
    rank_of = _order(key)
    if len(ends) == 2 and rank_of(ends["min"]) > rank_of(ends["max"]):
        raise IntakeError(f"{path}: min {ends['min']} comes after max {ends['max']}; swap them")
    return ends


def _checked_value(key: str, value: Any, path: str) -> Any:
    if value is None and key in _NULLABLE:
        return None
    if key in _TIMES:
        return _checked_time(value, path)
    if key in _NUMBERS or key == "dk_speculate":
        kind, name = (bool, "true or false") if key == "dk_speculate" else (int, "a whole number")
        if type(value) is not kind:
            raise IntakeError(f"{path}: {value!r:.60} is not {name}")
        return value
    # YAML parses an id such as 12 as a number.
    text = str(value) if type(value) is int else value
    if not isinstance(text, str):
        raise IntakeError(f"{path}: {value!r:.60} is not a text")
    if key in _CHOICES and text not in _CHOICES[key]:
        raise IntakeError(f"{path}: {text!r:.60} is not allowed; use {', '.join(_CHOICES[key])}")
    return text.lower() if key == "status" else text


def _checked_time(value: Any, path: str) -> str:
    """The time in RFC 3339; YAML parses an unquoted one as a date or datetime."""
    text = value.isoformat() if isinstance(value, date | datetime) else value
    moment = parse_time(text) if isinstance(text, str) else None
    if moment is None:
        raise IntakeError(f"{path}: {value!r:.60} is not a time; write 2026-01-31 or 2026-01-31T12:00:00Z")
    return rfc3339(moment)


def _order(key: str) -> Callable[[Any], Any]:
    if key in _RANKS:
        return _RANKS[key].index
    return parse_time if key in _TIMES else int


def matches(issue: Issue, definition: Condition) -> bool:
    """Whether `issue` satisfies every condition of a `checked` definition."""
    return all(_holds(issue, key, wanted) for key, wanted in definition.items())


def _holds(issue: Issue, key: str, wanted: Any) -> bool:
    if key == "tags_any":
        return not set(wanted).isdisjoint(issue.tags)
    if key == "tags_all":
        return set(wanted) <= set(issue.tags)
    value = getattr(issue, key)
    if isinstance(wanted, dict):
        return value is not None and _in_range(_order(key), value, wanted)
    allowed = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(value, tuple):
        return any(item in allowed for item in value)
    return value in allowed


def _in_range(rank_of: Callable[[Any], Any], value: Any, wanted: dict[str, Any]) -> bool:
    rank = rank_of(value)
    above = "min" not in wanted or rank >= rank_of(wanted["min"])
    return above and ("max" not in wanted or rank <= rank_of(wanted["max"]))
