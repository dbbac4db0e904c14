"""The answer of a bench: which action to use instead of today's policy, from the evidence of its decided issues."""

from typing import Final

import sqlalchemy as sa

from bench.results.evidence import Evidence, evidence_or_why, or_reason
from bench.results.value_rows import choose_outcome
from bench.statistics.outcomes import OWN_BUDGET
from bench.statistics.recommend import recommend
from bench.statistics.recommendation import Recommendation
from db.repositories.bench_rows import BenchRow
from db.repositories.benches import Benches
from planner.space.baseline import POLICY_ID

TODAY: Final = POLICY_ID
"""The policy in use, with which the recommended action is compared."""
RACE: Final = (
    "a race names no action to use on every issue: it drops the arms that others beat, and those that are left are "
    "in the race table"
)


def recommendation_of(engine: sa.Engine, bench_id: str) -> Recommendation:
    """The recommendation of a bench so far; where it has none, `why_not` is the reason.

    Raises `DbError` where there is no bench of this id.
    """
    return recommendation_from(Benches(engine).get(bench_id), evidence_or_why(engine, bench_id))


def recommendation_from(bench: BenchRow, evidence: Evidence | str) -> Recommendation:
    """The same from the evidence of the bench, or from why there is none."""
    if bench.race is not None:
        return _nothing(RACE)
    answer = evidence if isinstance(evidence, str) else or_reason(lambda: recommendation(evidence))
    return _nothing(answer) if isinstance(answer, str) else answer


def recommendation(evidence: Evidence) -> Recommendation:
    """The recommendation from the evidence of a bench."""
    return recommend(
        evidence.table,
        evidence.policies[TODAY],
        evidence.features,
        choose_outcome(evidence).outcome,
        seed=evidence.seed,
        expected=evidence.expected,
    )


def _nothing(why: str) -> Recommendation:
    return Recommendation(OWN_BUDGET, issues=0, runs=0, missing=0.0, why_not=why)
