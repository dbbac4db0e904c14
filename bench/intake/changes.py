"""What an import changes: the newest `updated` counts, and what leaves an export is closed only where that is safe."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.intake.beads import ImportReport
from bench.intake.issue import Issue
from bench.intake.times import parse_time

Json = dict[str, Any]
_DEFAULTS: Final = Issue(id="").document()
_TOLD_WITH_VALUES: Final = ("status", "dk_priority", "dk_risk", "dk_size", "issue_type", "dk_parent")
LEFT_EXPORT: Final = "no longer in the file that it was imported from"


@dataclass(frozen=True, slots=True)
class Change:
    """An issue that an import changes."""

    issue_id: str
    fields: dict[str, tuple[Any, Any]]
    """What each field held and what it holds now."""

    def document(self) -> Json:
        """The change as JSON-able data."""
        return {
            "id": self.issue_id,
            "fields": {name: {"from": old, "to": new} for name, (old, new) in self.fields.items()},
        }

    def words(self) -> str:
        """One line; long values are not shown."""
        told = [name for name in _TOLD_WITH_VALUES if name in self.fields]
        pairs = [f"{name} {_word(self.fields[name][0])} → {_word(self.fields[name][1])}" for name in told]
        others = [name for name in self.fields if name not in told]
        # Whatever changes has another time, too: that is worth a word only where nothing else has changed.
        others = [name for name in others if name != "updated"] or (others if not told else [])
        return f"{self.issue_id}: {', '.join([*pairs, *others])}"


@dataclass(frozen=True, slots=True)
class Older:
    """An issue of which something newer is stored than what a file says."""

    issue_id: str
    stored_updated: str
    file_updated: str

    def document(self) -> Json:
        """What was kept, and why, as JSON-able data."""
        return {"id": self.issue_id, "stored_updated": self.stored_updated, "updated": self.file_updated}

    def words(self) -> str:
        """One line."""
        return (
            f"{self.issue_id}: kept as of {self.stored_updated}; this file has it as of {self.file_updated}"
        )


def compare(issue_id: str, stored: Json, given: Json, *, force: bool) -> Change | Older | None:
    """What becomes of a stored issue: a change, kept because it is newer, or None where nothing differs.

    One of two issues without a time is never older: the later import counts. With `force` it always does.
    """
    was, now = {**_DEFAULTS, **stored}, {**_DEFAULTS, **given}
    fields = {name: (was.get(name), now.get(name)) for name in now if was.get(name) != now.get(name)}
    if not fields:
        return None
    if not force and is_older(now, was):
        return Older(issue_id, was["updated"], now["updated"])
    return Change(issue_id, fields)


def is_older(given: Json, stored: Json) -> bool:
    """Whether both have a time and the given one's is the earlier."""
    times = [parse_time(d["updated"]) if isinstance(d["updated"], str) else None for d in (given, stored)]
    return times[0] is not None and times[1] is not None and times[0] < times[1]


def closed_because_left(stored: Json) -> Json:
    """An issue that left its export, closed. Its `updated` stays: a later export that has it again counts."""
    return {**stored, "status": "closed", "extra": {**stored.get("extra", {}), "close_reason": LEFT_EXPORT}}


def why_not_prune(report: ImportReport) -> str | None:
    """Why the issues that a file lacks may not be closed; None where they may."""
    if not report.issues:
        return "it holds no issue, so that every issue of it would be closed"
    if report.ends_midway:
        return f"its last line is cut off (line {report.bad_lines[-1][0]})"
    bad, good = len(report.bad_lines), len(report.issues) + report.duplicates
    if bad > good:
        return f"{bad} of its {bad + good} lines hold no issue that can be read"
    return None


def why_older_is_not_pruned(older: Collection[Older]) -> str | None:
    """Why an export that is behind what was imported from it before closes nothing; None where it is not."""
    if not older:
        return None
    return f"it is an older export: {len(older)} of its issues are stored in a newer state"


def spared(left: Mapping[str, Json], report: ImportReport) -> set[str]:
    """The issues that are in the file after all, in lines that cannot be read."""
    return left.keys() & report.unreadable_ids


def _word(value: Any) -> str:
    return "none" if value is None else f"{value}"
