"""Calibration of registered policies: how often their action won, by the confidence that they gave it."""

from typing import NamedTuple

import sqlalchemy as sa

from db.rows import read_rows

# Where the action was not drawn, nobody knows whether it would have won.
_BINS = sa.text("""
    SELECT p.policy, least(floor(p.confidence * 10), 9)::integer AS bin, count(*)::integer AS cases,
           avg(p.confidence)::double precision AS confidence,
           count(*) FILTER (WHERE w.canonical_rank = p.canonical_rank)::integer AS won
    FROM farm.policy_actions p
    JOIN farm.cases c USING (case_id)
    JOIN farm.verdicts v USING (case_id)
    LEFT JOIN farm.arms w ON w.arm_id = v.winner_arm_id
    WHERE c.state = 'finished'
      AND EXISTS (SELECT FROM farm.arms a WHERE a.case_id = p.case_id AND a.canonical_rank = p.canonical_rank)
    GROUP BY 1, 2 ORDER BY 1, 2 LIMIT :limit""")


class ConfidenceBin(NamedTuple):
    """Decided cases that ran the policy's action, with a confidence from `bin` / 10 to (`bin` + 1) / 10."""

    policy: str
    bin: int
    cases: int
    confidence: float
    """Their mean."""
    won: int
    """Cases whose winner has that action."""


def calibration_bins(engine: sa.Engine, limit: int) -> list[ConfidenceBin]:
    """The bins of each policy that hold a case, by policy and confidence."""
    return read_rows(engine, ConfidenceBin, _BINS, {"limit": limit})
