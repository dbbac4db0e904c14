"""Published estimates: what was last computed from a bench's outcomes, kept for its reports in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from db.engine import transaction
from db.errors import DbError
from db.estimate_tables import action_estimates, arm_judgements, case_judgements, policy_estimates
from db.rows import read_first, read_rows

Values = Mapping[str, Any]

# The row of the bench is the lock: of two at once the second waits here, then replaces the first's rows.
_TAKE = sa.text("""
    INSERT INTO farm.published_estimates (bench_id, fingerprint, why_not)
    VALUES (:bench_id, :fingerprint, :why_not)
    ON CONFLICT (bench_id) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, why_not = EXCLUDED.why_not,
                                         published_at = now()""")
_STATUS = sa.text("""
    SELECT fingerprint_now AS fingerprint, undecided, is_current FROM report.published_estimates
    WHERE bench_id = :bench""")
_DUE = sa.text("""
    SELECT p.bench_id FROM report.published_estimates p JOIN farm.benches b ON b.bench_id = p.bench_id
    WHERE NOT p.is_current AND p.undecided = 0
        AND EXISTS (SELECT FROM farm.cases c WHERE c.bench_id = p.bench_id AND c.state = 'finished')
    ORDER BY b.bench_no""")

_VALUES = sa.text("""
    SELECT v.bench_id, v.policy, v.quantity, v.estimator, v.estimand, v.value, v.low, v.high, v.interval_over,
           v.missing_share, v.why_not
    FROM report.policy_values v JOIN farm.benches b USING (bench_id)
    WHERE v.is_recommended AND v.policy = ANY (:policies)
    ORDER BY b.bench_no DESC, v.policy, v.quantity, v.estimator LIMIT :limit""")


class PublishedValue(NamedTuple):
    """The number to quote for a policy on a bench: a row of `report.policy_values`."""

    bench_id: str
    policy: str
    quantity: str
    estimator: str
    estimand: str | None
    value: float | None
    low: float | None
    high: float | None
    interval_over: str
    missing_share: float | None
    why_not: str | None
    """Why the number is refused; None where it is given."""


class PublicationStatus(NamedTuple):
    """Whether the published estimates of a bench are of its outcomes as they are now."""

    fingerprint: str
    """Of the outcomes, caps and scored policies there are now."""
    undecided: int
    """Cases without a verdict; there is nothing to publish while there are any."""
    is_current: bool


@dataclass(frozen=True)
class NewEstimates:
    """All that is published of a bench; rows as the tables have them, without `bench_id`."""

    bench_id: str
    fingerprint: str
    """As it was before the outcomes were read."""
    why_not: str | None
    """Why there are no values of policies."""
    cases: Sequence[Values]
    arms: Sequence[Values]
    policies: Sequence[Values]
    actions: Sequence[Values] = ()
    """Rates of actions and of groups of actions."""


class Estimates:
    """The published estimates of benches."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def status(self, bench_id: str) -> PublicationStatus:
        """Of one bench; `DbError` where there is none of that name, or it is a stream."""
        row = read_first(self._engine, PublicationStatus, _STATUS, {"bench": bench_id})
        if row is None:
            raise DbError(f"there is no bench {bench_id!r}; a stream has no estimates")
        return row

    def values_of(self, policies: Sequence[str], limit: int) -> list[PublishedValue]:
        """The values to quote of these policies, by bench, the newest bench first."""
        return read_rows(self._engine, PublishedValue, _VALUES, {"policies": list(policies), "limit": limit})

    def due(self) -> list[str]:
        """Decided benches whose published estimates are missing or not current, the oldest first."""
        with self._engine.connect() as connection:
            return list(connection.scalars(_DUE))

    def replace(self, new: NewEstimates) -> None:
        """Replace what was published of the bench, in one transaction. Idempotent."""
        bench = {"bench_id": new.bench_id}
        tables = (
            (case_judgements, [{**row, **bench} for row in new.cases]),
            (arm_judgements, new.arms),
            (policy_estimates, [{**row, **bench} for row in new.policies]),
            (action_estimates, [{**row, **bench} for row in new.actions]),
        )
        with transaction(self._engine) as connection:
            connection.execute(_TAKE, {**bench, "fingerprint": new.fingerprint, "why_not": new.why_not})
            for old in (case_judgements, policy_estimates, action_estimates):
                connection.execute(sa.delete(old).where(old.c.bench_id == new.bench_id))
            for table, rows in tables:
                if rows:
                    connection.execute(sa.insert(table), rows)
