"""Idempotent import: last-writer-wins comparison by `updated`, and safe pruning of issues that left an export."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.intake.beads import ImportReport
from bench.intake.issue import Issue
from bench.intake.times import parse_time

Json = dict[str, Any]
_DEFAULTS: Final = Issue(id="").document()
_SHOWN_WITH_VALUES: Final = ("status", "dk_priority", "dk_risk", "dk_size", "issue_type", "dk_parent")
LEFT_EXPORT: Final = "no longer in the file that it was imported from"


@dataclass(frozen=True, slots=True)
class IssueChange:
    """The field-wise difference that an import makes to a stored issue."""

    issue_id: str
    fields: dict[str, tuple[Any, Any]]
    """The old and the new value of each changed field."""

    def document(self) -> Json:
        """The change as JSON-able data."""
        return {
            "id": self.issue_id,
            "fields": {name: {"from": old, "to": new} for name, (old, new) in self.fields.items()},
        }

    def words(self) -> str:
        """The change in one line; long values are not shown."""
        with_values = [name for name in _SHOWN_WITH_VALUES if name in self.fields]
        pairs = [
            f"{name} {_word(self.fields[name][0])} → {_word(self.fields[name][1])}" for name in with_values
        ]
        others = [name for name in self.fields if name not in with_values]
        # Every change also changes `updated`: that is shown only where nothing else has changed.
        others = [name for name in others if name != "updated"] or (others if not with_values else [])
        return f"{self.issue_id}: {', '.join([*pairs, *others])}"


@dataclass(frozen=True, slots=True)
class Older:
    """A stale record: the stored issue is newer than the one in the file."""

    issue_id: str
    stored_updated: str
    file_updated: str

    def document(self) -> Json:
        """The stale record as JSON-able data."""
        return {"id": self.issue_id, "stored_updated": self.stored_updated, "updated": self.file_updated}

    def words(self) -> str:
        """The stale record in one line."""
        return (
            f"{self.issue_id}: kept as of {self.stored_updated}; this file has it as of {self.file_updated}"
        )


def compare(issue_id: str, stored: Json, given: Json, *, force: bool) -> IssueChange | Older | None:
    """Compare a stored issue with an imported one (last writer wins).

    An issue without a time is never stale: then the import wins. With `force` the import always wins.

    Returns: the change to apply, `Older` where the stored issue is newer and kept, None where nothing differs.
    """
    was, now = {**_DEFAULTS, **stored}, {**_DEFAULTS, **given}
    fields = {name: (was.get(name), now.get(name)) for name in now if was.get(name) != now.get(name)}
    if not fields:
        return None
    if not force and is_older(now, was):
        return Older(issue_id, was["updated"], now["updated"])
    return IssueChange(issue_id, fields)


def is_older(given: Json, stored: Json) -> bool:
    """Whether both have a time and the given one is earlier."""
    times = [parse_time(d["updated"]) if isinstance(d["updated"], str) else None for d in (given, stored)]
    return times[0] is not None and times[1] is not None and times[0] < times[1]


def closed_by_prune(stored: Json) -> Json:
    """An issue that left its export, closed. `updated` is unchanged, so that a later export with the issue wins."""
    return {**stored, "status": "closed", "extra": {**stored.get("extra", {}), "close_reason": LEFT_EXPORT}}


def why_not_prune(report: ImportReport) -> str | None:
    """Why pruning is unsafe: the issues missing from a file may not be closed; None where they may."""
    if not report.issues:
        return "it holds no issue, so that every issue of it would be closed"
    if report.ends_midway:
        return f"its last line is cut off (line {report.bad_lines[-1][0]})"
    if report.has_unknown_ids:
        number, reason = report.bad_lines[0]
        return f"which issues its unreadable records are is not known (line {number}: {reason})"
    bad, good = len(report.bad_lines), len(report.issues) + report.duplicates
    if bad > good:
        return f"{bad} of its {bad + good} lines hold no issue that can be read"
    return None


def why_older_is_not_pruned(older: Collection[Older]) -> str | None:
    """Why a stale export prunes nothing; None where the export is not stale."""
    if not older:
        return None
    return f"it is an older export: {len(older)} of its issues are stored in a newer state"


def exempt_from_prune(left: Mapping[str, Json], report: ImportReport) -> set[str]:
    """Ids that are exempt from pruning: they occur in unreadable lines of the file."""
    return left.keys() & report.unreadable_ids


def _word(value: Any) -> str:
    return "none" if value is None else f"{value}"
