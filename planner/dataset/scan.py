"""Single pass over archives: records are spooled to disk, an index of the runs stays in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planner.canonical import canonical_json
from planner.dataset.archives import Archived, read_archive
from planner.dataset.facts import BrokenArchiveError
from planner.dataset.runs import ArchivedRun, run_of
from planner.dataset.spool import Spool
from planner.dataset.world_runs import WorldRunReader, is_world_run


@dataclass(slots=True)
class ArchiveGroup:
    """Index entry of a run: the spool offsets of its candidates."""

    name: str
    attempt: int
    started_ms: int
    completed_ms: int
    offsets: list[int] = field(default_factory=list)


class Scan:
    """Index of the archives read so far. `skipped` names the broken ones, a line each.

    Only the newest attempt of an execution counts, as in the farm's ledger; `repeated` counts the archives of
    superseded attempts.
    """

    def __init__(self, spool: Spool) -> None:
        self.skipped: list[str] = []
        self.repeated = 0
        self._spool = spool
        self._groups: dict[str, ArchiveGroup] = {}
        self._workcells: set[str] = set()
        self._world_readers: dict[Path, WorldRunReader] = {}

    def add(self, directory: Path, backlog: Mapping[str, dict[str, Any]]) -> None:
        """Read one archive, or one fab-world run."""
        try:
            archived = self._read(directory, backlog)
            line = canonical_json(archived)
            line.encode()
        except (BrokenArchiveError, ValueError) as error:  # ValueError: lone surrogates, NaN
            self.skip(directory.name, str(error))
            return
        if archived.workcell_id in self._workcells:
            self.skip(directory.name, f"a second archive of workcell {archived.workcell_id}")
            return
        self._workcells.add(archived.workcell_id)
        group = self._group(archived)
        if group is None:
            self.repeated += 1
            return
        group.started_ms = min(group.started_ms, archived.times.started_ms)
        group.completed_ms = max(group.completed_ms, archived.times.completed_ms)
        group.offsets.append(self._spool.add(line))

    def _read(self, directory: Path, backlog: Mapping[str, dict[str, Any]]) -> Archived:
        if not is_world_run(directory):
            return read_archive(directory, backlog)
        root = directory.parent
        if root not in self._world_readers:
            self._world_readers[root] = WorldRunReader(root)
        return self._world_readers[root].read(directory, backlog)

    def _group(self, archived: Archived) -> ArchiveGroup | None:
        """The index entry for the archive, or None where a newer attempt is known."""
        known = self._groups.get(archived.group)
        if known is not None and known.attempt > archived.attempt:
            return None
        if known is None or known.attempt < archived.attempt:
            self.repeated += 0 if known is None else len(known.offsets)
            times = archived.times
            known = ArchiveGroup(archived.group, archived.attempt, times.started_ms, times.completed_ms)
            self._groups[archived.group] = known
        return known

    def skip(self, name: str, reason: str) -> None:
        """Record `name` as broken, in one line of valid UTF-8."""
        line = " ".join(f"{name}: {reason}".split())
        self.skipped.append(line.encode("utf-8", "replace").decode())

    def groups(self) -> list[ArchiveGroup]:
        """All runs, the earliest start first."""
        return sorted(self._groups.values(), key=lambda group: (group.started_ms, group.name))

    def run(self, group: ArchiveGroup) -> ArchivedRun:
        """Read the run of a group back from the spool."""
        return run_of([Archived.from_json(self._spool.read(offset)) for offset in group.offsets])
