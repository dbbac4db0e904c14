"""Similarity search for the history of a planner_input: the reference implementation.

Candidates have the same job type, started strictly before the query's time, and have the same world and
objective where those are given (tags `world:<id>` and `objective:<id>`).
Score = 0.6 · Jaccard(tags) + 0.3 · Jaccard(failure signals) + 0.1 / (1 + recency bucket), and + 0.2 · Jaccard(keywords)
where the query has keywords.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.actions import JobType
from planner.documents.planner_input import RunSummary

TAG_WEIGHT: Final = 0.6
SIGNAL_WEIGHT: Final = 0.3
RECENCY_WEIGHT: Final = 0.1
KEYWORD_WEIGHT: Final = 0.2
Keywords = Mapping[str, Sequence[str]]
"""The keywords of issues by id: a run summary does not have those of its issue."""
_DAY_MS: Final = 86_400_000
RECENCY_EDGES_MS: Final = (_DAY_MS, 7 * _DAY_MS, 30 * _DAY_MS)
"""Lower bounds of the recency buckets 1, 2 and 3, in milliseconds of age."""


@dataclass(frozen=True, slots=True)
class SimilarQuery:
    """Query of a similarity search."""

    job_type: JobType
    before_ms: int
    """Only runs that started strictly earlier are candidates, to prevent leakage."""
    tags: Sequence[str] = ()
    issue_id: str | None = None
    """Without `failure_signals`, they come from the earlier runs of this issue."""
    failure_signals: Sequence[str] | None = None
    world: str | None = None
    objective: str | None = None
    keywords: Sequence[str] = ()
    """Keywords of the issue's title and description; empty: they do not count."""


def similar_runs(
    runs: Iterable[RunSummary], query: SimilarQuery, n: int = 8, keywords: Keywords | None = None
) -> list[RunSummary]:
    """Select the `n` most similar runs, in one pass over `runs`; `keywords` are those of the runs' issues.

    Ranked by descending score, then descending start, then ascending run id. Returns them newest first.
    """
    candidates = [run for run in runs if _comparable(run, query)]
    signals = query.failure_signals
    if signals is None:
        own = (run for run in candidates if query.issue_id is not None and run.issue_id == query.issue_id)
        signals = sorted({signal for run in own for signal in failure_signals(run)})
    tags, wanted, words = frozenset(query.tags), frozenset(signals), frozenset(query.keywords)

    def order(run: RunSummary) -> tuple[float, int, str]:
        own = frozenset((keywords or {}).get(run.issue_id or "", ()))
        alike = _likeness(run, tags, wanted) + KEYWORD_WEIGHT * jaccard(words, own) * bool(words)
        recency = recency_bucket(query.before_ms - run.started_ms)
        return (-(alike + RECENCY_WEIGHT / (1 + recency)), -run.started_ms, run.run_id)

    chosen = sorted(candidates, key=order)[: max(n, 0)]
    return sorted(chosen, key=lambda run: (-run.started_ms, run.run_id))


def _comparable(run: RunSummary, query: SimilarQuery) -> bool:
    if run.job_type != query.job_type or run.started_ms >= query.before_ms:
        return False
    return all(tag in (run.tags or ()) for tag in required_tags(query))


def required_tags(query: SimilarQuery) -> list[str]:
    """Tags that a candidate must have."""
    wanted = (("world", query.world), ("objective", query.objective))
    return [f"{kind}:{value}" for kind, value in wanted if value is not None]


def _likeness(run: RunSummary, tags: frozenset[str], signals: frozenset[str]) -> float:
    return TAG_WEIGHT * jaccard(tags, frozenset(run.tags or ())) + SIGNAL_WEIGHT * jaccard(
        signals, failure_signals(run)
    )


def failure_signals(run: RunSummary) -> frozenset[str]:
    """Failure signals of a run: its fail codes, and `gate:<name>` for every failed gate."""
    gates = {f"gate:{gate.name}" for gate in run.outcome.gates if not gate.passed}
    return frozenset(run.outcome.fail_codes) | gates


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard index |a ∩ b| / |a ∪ b|; 0 for two empty sets."""
    return len(a & b) / len(a | b) if a or b else 0.0


def recency_bucket(age_ms: int) -> int:
    """Recency bucket of an age: 0 below one day, 1 below seven, 2 below thirty, else 3."""
    return sum(age_ms >= edge for edge in RECENCY_EDGES_MS)
