"""One pass over archives: the records go to disk, a few numbers of each run stay in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planner.canonical import canonical_json
from planner.dataset.archives import Archived, read_archive
from planner.dataset.facts import BrokenArchiveError
from planner.dataset.runs import Run, run_of
from planner.dataset.spool import Spool


@dataclass(slots=True)
class Group:
    """A run whose candidates lie in a spool."""

    name: str
    started_ms: int
    completed_ms: int
    places: list[int] = field(default_factory=list)


class Scan:
    """The archives read so far. Broken ones are named in `skipped`, a line each, and otherwise forgotten."""

    def __init__(self, spool: Spool) -> None:
        self.skipped: list[str] = []
        self._spool = spool
        self._groups: dict[str, Group] = {}
        self._workcells: set[str] = set()

    def add(self, directory: Path, backlog: Mapping[str, dict[str, Any]]) -> None:
        """Read one archive."""
        try:
            archived = read_archive(directory, backlog)
        except BrokenArchiveError as error:
            self.skip(directory.name, str(error))
            return
        if archived.workcell_id in self._workcells:
            self.skip(directory.name, f"a second archive of workcell {archived.workcell_id}")
            return
        self._workcells.add(archived.workcell_id)
        started, completed, _ = archived.times
        group = self._groups.setdefault(archived.group, Group(archived.group, started, completed))
        group.started_ms = min(group.started_ms, started)
        group.completed_ms = max(group.completed_ms, completed)
        group.places.append(self._spool.add(canonical_json(archived)))

    def skip(self, name: str, reason: str) -> None:
        """Note that nothing can be made of `name`, in one line whatever names and files hold."""
        line = " ".join(f"{name}: {reason}".split())
        self.skipped.append(line.encode("utf-8", "replace").decode())

    def groups(self) -> list[Group]:
        """All runs, the earliest start first."""
        return sorted(self._groups.values(), key=lambda group: (group.started_ms, group.name))

    def run(self, group: Group) -> Run:
        """The run of a group, read back from disk."""
        return run_of([Archived.from_json(self._spool.read(place)) for place in group.places])
