"""The tables of money: caps, and the ledger of every movement."""

import sqlalchemy as sa

from db.columns import counter, metadata, now_column, one_of
from db.tables import benches, cases, executions

caps = sa.Table(
    "caps",
    metadata,
    sa.Column("cap_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("bench_id", sa.ForeignKey(benches.c.bench_id)),
    sa.Column("case_id", sa.ForeignKey(cases.c.case_id)),
    sa.Column("day", sa.Date),
    sa.Column("usd_limit", sa.BigInteger),
    counter("usd_spent"),
    counter("usd_reserved"),
    counter("usd_overrun"),
    sa.Column("ms_limit", sa.BigInteger),
    counter("ms_spent"),
    counter("ms_reserved"),
    sa.Column("executions_limit", sa.BigInteger),
    counter("executions_spent"),
    counter("executions_reserved"),
    # What was spent and reserved beyond a daily limit at the moment it was lowered; it only shrinks.
    counter("usd_excess"),
    one_of("scope", ("bench", "case", "day")),
    sa.CheckConstraint("usd_limit IS NULL OR usd_spent + usd_reserved <= usd_limit + usd_excess", name="usd"),
    sa.CheckConstraint(
        "usd_excess >= 0 AND (usd_excess = 0 OR (scope = 'day' AND usd_limit IS NOT NULL))", name="excess"
    ),
    sa.CheckConstraint("ms_limit IS NULL OR ms_spent + ms_reserved <= ms_limit", name="ms"),
    sa.CheckConstraint(
        "executions_limit IS NULL OR executions_spent + executions_reserved <= executions_limit",
        name="executions",
    ),
    sa.CheckConstraint(
        "least(usd_spent, usd_reserved, usd_overrun, ms_spent, ms_reserved,"
        " executions_spent, executions_reserved) >= 0",
        name="not_negative",
    ),
    sa.CheckConstraint(
        "(bench_id IS NOT NULL)::int + (case_id IS NOT NULL)::int + (day IS NOT NULL)::int = 1",
        name="one_subject",
    ),
    sa.UniqueConstraint("bench_id"),
    sa.UniqueConstraint("case_id"),
    sa.UniqueConstraint("day"),
    postgresql_with={"fillfactor": 50},
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("execution_id", sa.ForeignKey(executions.c.execution_id), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("micro_usd", sa.BigInteger, nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.Column("executions", sa.SmallInteger, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    now_column("moved_at"),
    one_of("kind", ("reserve", "settle", "release", "refund")),
    sa.CheckConstraint("micro_usd >= 0 AND ms >= 0 AND executions >= 0", name="not_negative"),
    comment="Append-only. `day` is the day of the reservation, so that every later movement meets the same cap.",
)
