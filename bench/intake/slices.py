"""Named slices of issues, and the choice of the issues of a bench."""

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bench.intake.errors import IntakeError
from bench.intake.issue import PRIORITIES, RISKS, SIZES, Issue

BUILT_IN: Final[dict[str, dict[str, Any]]] = {
    "critical": {"dk_risk": ["critical"]},
    "high": {"dk_risk": ["high"]},
    "all": {},
    "lane-a": {"dk_risk": ["low", "medium"], "dk_size": {"min": "XS", "max": "M"}},
    "lane-b": {"dk_risk": ["high"], "dk_size": {"min": "M", "max": "XL"}},
    "lane-c": {"dk_risk": ["critical"], "dk_size": {"min": "L", "max": "XL"}},
}
"""Lanes by shape: A routine work, B risky work, C critical and large."""

_ORDERED: Final[dict[str, Sequence[str]]] = {"dk_priority": PRIORITIES, "dk_risk": RISKS, "dk_size": SIZES}
_TAG_KEYS: Final = ("tags_any", "tags_all")
FIELDS: Final = tuple(sorted({*Issue.model_fields, "job_type", "domain"} - {"extra", "workcell"}))


def find_slice(name: str, configured: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The definition of slice `name`, the config's before the built-in one."""
    known = {**BUILT_IN, **configured}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise IntakeError(f"unknown slice {name!r}{hint} (known: {', '.join(sorted(known))})")
    return dict(known[name])


def check_slice(name: str, definition: Mapping[str, Any]) -> None:
    """Refuse a definition that names a field no issue has, or a range over a field without order."""
    for key, wanted in definition.items():
        if key in _TAG_KEYS:
            if not isinstance(wanted, list):
                raise IntakeError(f"slices.{name}.{key}: give a list of tags")
        elif key not in FIELDS:
            near = difflib.get_close_matches(key, [*FIELDS, *_TAG_KEYS], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise IntakeError(f"slices.{name}.{key}: issues have no such field{hint}")
        elif isinstance(wanted, dict) and not set(wanted) <= {"min", "max"}:
            raise IntakeError(f"slices.{name}.{key}: a range has min and max only")


def matches(issue: Issue, definition: Mapping[str, Any]) -> bool:
    """Whether `issue` satisfies every condition of a slice."""
    return all(_holds(issue, key, wanted) for key, wanted in definition.items())


def _holds(issue: Issue, key: str, wanted: Any) -> bool:
    if key == "tags_any":
        return not set(wanted).isdisjoint(issue.tags)
    if key == "tags_all":
        return set(wanted) <= set(issue.tags)
    value = getattr(issue, key)
    if isinstance(wanted, dict):
        return _in_range(key, value, wanted)
    allowed = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(value, tuple):
        return any(item in allowed for item in value)
    return value in allowed


def _in_range(key: str, value: Any, wanted: Mapping[str, Any]) -> bool:
    if value is None:
        return False
    place = _ORDERED[key].index if key in _ORDERED else (lambda item: item)
    try:
        return ("min" not in wanted or place(value) >= place(wanted["min"])) and (
            "max" not in wanted or place(value) <= place(wanted["max"])
        )
    except (ValueError, TypeError) as error:
        raise IntakeError(f"{key}: {dict(wanted)} is no range for this field") from error


def select(
    issues: Iterable[Issue],
    name: str,
    definition: Mapping[str, Any],
    *,
    filters: Sequence[Mapping[str, Any]] = (),
    ids: Sequence[str] | None = None,
    sample_size: int | None = None,
    seed: int = 42,
) -> list[Issue]:
    """The issues of a bench, ordered by id.

    Escalations are left out always; closed issues unless the slice, a filter or `ids` asks for them. Of more than
    `sample_size` issues those with the lowest SHA-256 of (seed, id) are taken: the choice does not depend on the
    order of the file, and another issue changes it by one at most.
    """
    known = list(issues)
    wanted_ids = None if ids is None else set(ids)
    missing = sorted((wanted_ids or set()) - {issue.id for issue in known})
    if missing:
        raise IntakeError(f"unknown issue {missing[0]!r}; `bench issues list` shows what is imported")
    conditions = [dict(definition), *({f["field"]: f.get("in", f.get("value"))} for f in filters)]
    asks_status = wanted_ids is not None or any("status" in condition for condition in conditions)
    chosen = [
        issue
        for issue in known
        if not issue.is_escalation
        and (asks_status or not issue.is_closed)
        and (wanted_ids is None or issue.id in wanted_ids)
        and all(matches(issue, condition) for condition in conditions)
    ]
    if not chosen:
        raise IntakeError(_nothing(name, len(known)))
    if sample_size is not None and len(chosen) > sample_size:
        chosen = sorted(chosen, key=lambda issue: (_lot(seed, issue.id), issue.id))[:sample_size]
    return sorted(chosen, key=lambda issue: issue.id)


def _nothing(name: str, known: int) -> str:
    if known == 0:
        return "no issues are known; import some with: bench issues import FILE"
    return f"no issue is in slice {name!r} ({known} are known, escalations and closed ones left out); see: bench issues list"


def _lot(seed: int, issue_id: str) -> str:
    return hashlib.sha256(f"{seed}\0{issue_id}".encode()).hexdigest()
