"""Similarity index of runs: the results of `similar_runs` in less than a millisecond a query.

Runs of one issue have the same tags, and few distinct sets of failure signals occur. An inverted index computes the
Jaccard index once for each distinct set, and every run looks up its two. Age adds at most 0.1, so only runs whose sum
is close to the best are scored exactly.
"""

from array import array
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.actions import JobType
from planner.documents.planner_input import RunSummary
from planner.errors import PlannerError
from planner.history.set_index import SetIndex
from planner.history.similar import (
    KEYWORD_WEIGHT,
    RECENCY_EDGES_MS,
    RECENCY_WEIGHT,
    SIGNAL_WEIGHT,
    TAG_WEIGHT,
    SimilarQuery,
    failure_signals,
    required_tags,
)

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
_MAX_MS: Final = 2**63 - 1
_EXCLUDED: Final = 2.0
"""Larger than any score: subtracting it excludes a row."""
_CHUNKS: Final = 64
_ROUNDING: Final = 1e-9
_LEAST_ALIKE: Final = 1e-12
"""Smaller than any positive score."""
_AGE_RANGE: Final = RECENCY_WEIGHT - RECENCY_WEIGHT / (1 + len(RECENCY_EDGES_MS))
"""Range of the recency term: its maximum minus its minimum."""


class RunIndex:
    """Similarity index of run summaries, added in any order. Not thread-safe.

    Runs are stored as JSON, less than a kilobyte each, so that a hundred thousand fit in memory.
    """

    def __init__(self) -> None:
        self._shelves: defaultdict[JobType, _JobTypeIndex] = defaultdict(_JobTypeIndex)

    def add(self, run: RunSummary, keywords: Sequence[str] = ()) -> None:
        """Add a run and the keywords of its issue.

        Raises `PlannerError` where its start exceeds 64 bits of milliseconds.
        """
        if abs(run.started_ms) > _MAX_MS:
            raise PlannerError(f"run {run.run_id!r}: started_ms {run.started_ms} is out of range")
        self._shelves[run.job_type].add(run, keywords)

    def add_many(self, runs: Iterable[RunSummary]) -> None:
        """Add runs, in any order."""
        for run in runs:
            self.add(run)

    def query(self, query: SimilarQuery, n: int = 8) -> list[RunSummary]:
        """Exactly `similar_runs(added runs, query, n, their keywords)`, including ties."""
        shelf = self._shelves.get(query.job_type)
        return [] if shelf is None or n <= 0 else shelf.query(query, n)


class _JobTypeIndex:
    """Index of the runs of one job type. A row is a run's insertion number."""

    def __init__(self) -> None:
        self._runs: list[bytes] = []
        self._run_ids: list[str] = []
        self._started = array("q")
        self._by_start: list[tuple[int, int]] = []
        """(started_ms, row), ascending."""
        self._tags = SetIndex()
        self._signals = SetIndex()
        self._keywords = SetIndex()
        self._scratch = np.empty((2, 0))
        self._of_issue: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, run: RunSummary, keywords: Sequence[str]) -> None:
        row = len(self._runs)
        self._runs.append(run.model_dump_json(exclude_unset=True).encode())
        self._run_ids.append(run.run_id)
        self._started.append(run.started_ms)
        insort(self._by_start, (run.started_ms, row))
        self._tags.add(frozenset(run.tags or ()))
        self._signals.add(failure_signals(run))
        self._keywords.add(frozenset(keywords))
        if run.issue_id is not None:
            self._of_issue[run.issue_id].append(row)

    def query(self, query: SimilarQuery, n: int) -> list[RunSummary]:
        required = frozenset(required_tags(query))
        started = np.frombuffer(self._started, dtype=np.int64)
        alike = self._alike(query, required)
        rows = self._near_the_best(alike, query, required, n)
        scores = alike[rows] + RECENCY_WEIGHT / (1 + _recency(started[rows], query.before_ms))
        chosen = self._best(rows, scores, started[rows], n)
        chosen.sort(key=lambda row: (-self._started[row], self._run_ids[row]))
        return [RunSummary.model_validate_json(self._runs[row]) for row in chosen]

    def _alike(self, query: SimilarQuery, required: frozenset[str]) -> Floats:
        """Scores without the recency term (rows,); negative where a run is too late or lacks a required tag."""
        by_tags = TAG_WEIGHT * self._tags.jaccard(frozenset(query.tags))
        if required:
            by_tags[~self._tags.holds_all(required)] -= _EXCLUDED
        by_signals = SIGNAL_WEIGHT * self._signals.jaccard(self._wanted_signals(query, required))
        alike, other = self._buffers()
        by_tags.take(self._tags.set_of_row(), out=alike, mode="clip")
        alike += by_signals.take(self._signals.set_of_row(), out=other, mode="clip")
        if query.keywords:
            by_keywords = KEYWORD_WEIGHT * self._keywords.jaccard(frozenset(query.keywords))
            alike += by_keywords.take(self._keywords.set_of_row(), out=other, mode="clip")
        late = np.frombuffer(self._started, dtype=np.int64) >= query.before_ms
        # Arithmetic instead of a masked assignment, which takes ten times as long.
        alike -= np.multiply(late, _EXCLUDED, out=other)
        return alike

    def _buffers(self) -> tuple[Floats, Floats]:
        """Two scratch buffers (rows,), reused by every query: allocation costs more than the sums."""
        rows = len(self._runs)
        if self._scratch.shape[1] < rows:
            self._scratch = np.empty((2, 2 * rows))
        return self._scratch[0, :rows], self._scratch[1, :rows]

    def _wanted_signals(self, query: SimilarQuery, required: frozenset[str]) -> frozenset[str]:
        if query.failure_signals is not None:
            return frozenset(query.failure_signals)
        own = self._of_issue.get(query.issue_id, []) if query.issue_id is not None else []
        seen = (row for row in own if self._started[row] < query.before_ms)
        return frozenset().union(*(self._signals.at(row) for row in seen if required <= self._tags.at(row)))

    def _near_the_best(self, alike: Floats, query: SimilarQuery, required: frozenset[str], n: int) -> Rows:
        """Candidate rows for the best `n`."""
        bound = _lower_bound(alike, n) - _AGE_RANGE - _ROUNDING
        if required:
            return np.flatnonzero(alike >= max(bound, 0.0))
        # Runs without overlap score by age alone: only the newest of them are candidates.
        near = alike >= max(bound, _LEAST_ALIKE)
        near[self._newest(query.before_ms, n)] = True
        return np.flatnonzero(near)

    def _newest(self, before_ms: int, n: int) -> list[int]:
        """Rows of the `n` latest starts before `before_ms`, including ties with the last one."""
        end = bisect_left(self._by_start, (before_ms,))
        first = max(end - n, 0)
        if first:
            first = bisect_left(self._by_start, (self._by_start[first][0],))
        return [row for _, row in self._by_start[first:end]]

    def _best(self, rows: Rows, scores: Floats, started: Rows, n: int) -> list[int]:
        """The best `n` rows; of the rows tied at the lowest score only the newest are sorted."""
        last = _nth_largest(scores, n)
        tied = np.flatnonzero(scores == last)
        tied = tied[started[tied] >= _nth_largest(started[tied], n)]
        candidates = np.concatenate([np.flatnonzero(scores > last), tied])
        ranked = sorted(
            zip(
                (-scores[candidates]).tolist(),
                (-started[candidates]).tolist(),
                rows[candidates].tolist(),
                strict=True,
            ),
            key=lambda entry: (entry[0], entry[1], self._run_ids[entry[2]], entry[2]),
        )
        return [row for _, _, row in ranked[:n]]


def _recency(started: Rows, now_ms: int) -> Rows:
    """Vectorised `recency_bucket`."""
    bucket = np.zeros(len(started), dtype=np.int64)
    for edge in RECENCY_EDGES_MS:
        bucket += started <= now_ms - edge
    return bucket


def _lower_bound(values: Floats, n: int) -> float:
    """Lower bound of the n-th largest value: the n-th largest maximum of n or more chunks."""
    parts = max(_CHUNKS, n)
    whole = len(values) // parts
    if whole < 2:
        return 0.0
    greatest = values[: whole * parts].reshape(whole, parts).max(axis=0)
    return float(_nth_largest(greatest, n))


def _nth_largest(values: Floats | Rows, n: int) -> float:
    """The n-th largest of `values`, or the smallest where there are fewer; 0 for no values."""
    if len(values) <= n:
        return min(values.tolist(), default=0)
    return np.partition(values, -n)[-n]  # type: ignore[no-any-return]
