"""Histories without leakage: the runs that had ended when a run started."""

from collections.abc import Mapping, Sequence
from typing import Any

from planner.dataset.runs import ArchivedRun, summary
from planner.dataset.scan import ArchiveGroup, Scan
from planner.documents.planner_input import RunSummary
from planner.encoding.keywords import keywords
from planner.history.run_index import RunIndex
from planner.history.similar import SimilarQuery


class HistoryBuilder:
    """Builds histories for runs that are passed in the order of their starts.

    A history holds runs that had ended when the run started: the outcome of a running one was not known. Runs that
    ended in an error are left out.
    """

    def __init__(self, scan: Scan, groups: Sequence[ArchiveGroup], *, by_keywords: bool = False) -> None:
        """`by_keywords`: issues are also compared by the keywords of title and description."""
        self._scan = scan
        self._by_keywords = by_keywords
        self._waiting = sorted(groups, key=lambda group: (-group.completed_ms, group.name))
        self._index = RunIndex()

    def before(self, run: ArchivedRun, n: int) -> list[RunSummary]:
        """The `n` runs most similar to `run`, newest first."""
        while self._waiting and self._waiting[-1].completed_ms <= run.started_ms:
            earlier = self._scan.run(self._waiting.pop())
            if earlier.status != "error":
                self._index.add(summary(earlier), self._keywords(earlier.speaker.issue))
        issue = run.speaker.issue
        query = SimilarQuery(
            job_type=run.speaker.job_type,
            before_ms=run.started_ms,
            tags=issue["tags"],
            issue_id=issue["issue_id"],
            world=_value(issue["tags"], "world"),
            objective=_value(issue["tags"], "objective"),
            keywords=self._keywords(issue),
        )
        return self._index.query(query, n)

    def _keywords(self, issue: Mapping[str, Any]) -> list[str]:
        if not self._by_keywords:
            return []
        stated = issue.get("keywords")
        return keywords(issue.get("title"), issue.get("description")) if stated is None else list(stated)


def _value(tags: Sequence[str], kind: str) -> str | None:
    """The value of the first tag `<kind>:<value>`."""
    return next((tag.partition(":")[2] for tag in tags if tag.startswith(f"{kind}:")), None)
