"""The table of circuit breakers, one row a capability class whose provider has failed."""

import sqlalchemy as sa

from db.columns import metadata, time_column

circuits = sa.Table(
    "circuits",
    metadata,
    sa.Column("queue", sa.Text, primary_key=True),
    # Failures of the provider since the last execution with a result.
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    time_column("failed_at"),
    # The message of the last failure.
    sa.Column("reason", sa.Text),
    time_column("answered_from"),
    time_column("opened_at"),
    sa.Column("backoff_seconds", sa.Integer),
    time_column("probe_at"),
    # The lease of the probe; it is over as soon as that attempt does not run.
    sa.Column("probe_execution_id", sa.BigInteger),
    sa.Column("probe_attempt", sa.Integer),
    sa.CheckConstraint(
        "(opened_at IS NULL) = (probe_at IS NULL) AND (opened_at IS NULL) = (backoff_seconds IS NULL)",
        name="open",
    ),
    comment="Circuit breakers: a class is paused while opened_at is set. answered_from: the latest start of an"
    " execution that had a result.",
)
