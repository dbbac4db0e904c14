"""Histories without leakage: the runs that had ended when a run started."""

from collections.abc import Sequence

from planner.dataset.runs import ArchivedRun, summary
from planner.dataset.scan import ArchiveGroup, Scan
from planner.documents.planner_input import RunSummary
from planner.history.run_index import RunIndex
from planner.history.similar import SimilarQuery


class HistoryBuilder:
    """Builds histories for runs that are passed in the order of their starts.

    A history holds runs that had ended when the run started: the outcome of a running one was not known. Runs that
    ended in an error are left out.
    """

    def __init__(self, scan: Scan, groups: Sequence[ArchiveGroup]) -> None:
        self._scan = scan
        self._waiting = sorted(groups, key=lambda group: (-group.completed_ms, group.name))
        self._index = RunIndex()

    def before(self, run: ArchivedRun, n: int) -> list[RunSummary]:
        """The `n` runs most similar to `run`, newest first."""
        while self._waiting and self._waiting[-1].completed_ms <= run.started_ms:
            earlier = self._scan.run(self._waiting.pop())
            if earlier.status != "error":
                self._index.add(summary(earlier))
        issue = run.speaker.issue
        query = SimilarQuery(
            job_type=run.speaker.job_type,
            before_ms=run.started_ms,
            tags=issue["tags"],
            issue_id=issue["issue_id"],
            world=_value(issue["tags"], "world"),
            objective=_value(issue["tags"], "objective"),
        )
        return self._index.query(query, n)


def _value(tags: Sequence[str], kind: str) -> str | None:
    """The value of the first tag `<kind>:<value>`."""
    return next((tag.partition(":")[2] for tag in tags if tag.startswith(f"{kind}:")), None)
