"""Named slices (filters) of issues, and the deterministic selection of the issues of a bench."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bench.intake.conditions import Condition, checked, matches
from bench.intake.errors import IntakeError
from bench.intake.issue import Issue
from bench.intake.nearest import did_you_mean

BUILT_IN: Final[dict[str, dict[str, Any]]] = {
    "critical": {"dk_risk": ["critical"]},
    "high": {"dk_risk": ["high"]},
    "all": {},
    "lane-a": {"dk_risk": ["low", "medium"], "dk_size": {"min": "XS", "max": "M"}},
    "lane-b": {"dk_risk": ["high"], "dk_size": {"min": "M", "max": "XL"}},
    "lane-c": {"dk_risk": ["critical"], "dk_size": {"min": "L", "max": "XL"}},
}
"""Lanes by shape: A routine work, B risky work, C critical and large."""


def find_slice(name: str, configured: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The definition of slice `name`; the config overrides the built-in one.

    Raises: `IntakeError` where no slice has the name.
    """
    known = {**BUILT_IN, **configured}
    if name not in known:
        raise IntakeError(
            f"unknown slice {name!r}{did_you_mean(name, known)} (known: {', '.join(sorted(known))})"
        )
    return dict(known[name])


def filter_condition(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of `issue_selection.filters`, `{field, value | in}`, as a condition."""
    any_of = entry.get("in")
    return {entry["field"]: entry.get("value") if any_of is None else any_of}


def select(
    issues: Iterable[Issue],
    name: str,
    definition: Condition,
    *,
    filters: Sequence[Mapping[str, Any]] = (),
    ids: Sequence[str] | None = None,
    sample_size: int | None = None,
    seed: int = 42,
) -> list[Issue]:
    """Select the issues of a bench, ordered by id: those in the slice that pass every filter and are among `ids`.

    Escalations are always left out; closed issues unless the slice or a filter has a `status`, or `ids` names them.
    Of more than `sample_size` issues those with the lowest SHA-256 of (seed, id) are taken (hash sampling): the
    selection does not depend on the order of the file, and one more issue changes it by one at most. Issues named
    by `ids` are not subject to sampling.

    Raises: `IntakeError` where a field, value or id is unknown, or no issue is left.
    """
    known = list(issues)
    conditions = [checked(definition, f"slices.{name}")]
    for number, entry in enumerate(filters):
        conditions.append(checked(filter_condition(entry), f"issue_selection.filters.{number}"))
    pool = known if ids is None else _named(known, ids)
    asks_status = ids is not None or any("status" in condition for condition in conditions)
    chosen = [
        issue
        for issue in pool
        if not issue.is_escalation
        and (asks_status or not issue.is_closed)
        and all(matches(issue, condition) for condition in conditions)
    ]
    if not chosen:
        raise IntakeError(_nothing(name, conditions, known, ids))
    if ids is None and sample_size is not None and len(chosen) > sample_size:
        chosen = sorted(chosen, key=lambda issue: (_lot(seed, issue.id), issue.id))[:sample_size]
    return sorted(chosen, key=lambda issue: issue.id)


def _named(known: Sequence[Issue], ids: Sequence[str]) -> list[Issue]:
    by_id = {issue.id: issue for issue in known}
    named = []
    for issue_id in dict.fromkeys(ids):
        if issue_id not in by_id:
            hint = did_you_mean(issue_id, by_id)
            raise IntakeError(f"unknown issue {issue_id!r}{hint}; `bench issues list` shows what is imported")
        if by_id[issue_id].is_escalation:
            raise IntakeError(f"issue {issue_id} waits for a person (an escalation) and is never benched")
        named.append(by_id[issue_id])
    return named


def _nothing(
    name: str, conditions: Sequence[Condition], known: Sequence[Issue], ids: Sequence[str] | None
) -> str:
    if not known:
        return "no issues are known; import some with: bench issues import FILE"
    asked = [json.dumps(condition, ensure_ascii=False) for condition in conditions if condition]
    among = "" if ids is None else f" among the {len(ids)} named"
    asks = f" asks for {' and '.join(asked)}" if asked else " takes every issue"
    left_out = sum(not issue.is_benchable for issue in known)
    return (
        f"no issue{among} is in slice {name!r}: it{asks}; {len(known)} issues are known, {left_out} of them "
        "closed or escalated; see: bench issues list"
    )


def _lot(seed: int, issue_id: str) -> str:
    return hashlib.sha256(f"{seed}\0{issue_id}".encode()).hexdigest()
