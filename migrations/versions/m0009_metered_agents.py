"""Waits for providers, the live spend of running executions, and circuit breakers of providers."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_WAIT = "provider_wait_ms BETWEEN 0 AND duration_ms"
_SPENT = "spent_micro_usd IS NULL OR (state = 'running' AND spent_micro_usd >= 0)"
_OPEN = "(opened_at IS NULL) = (probe_at IS NULL) AND (opened_at IS NULL) = (backoff_seconds IS NULL)"


def upgrade() -> None:
    for table in ("outcomes", "candidates"):
        wait = sa.Column("provider_wait_ms", sa.BigInteger, nullable=False, server_default="0")
        op.add_column(table, wait, schema="farm")
        op.create_check_constraint(op.f(f"ck_{table}_provider_wait"), table, _WAIT, schema="farm")
    op.add_column("executions", sa.Column("spent_micro_usd", sa.BigInteger), schema="farm")
    op.create_check_constraint(op.f("ck_executions_spent"), "executions", _SPENT, schema="farm")
    returns = sa.Column("provider_returns", sa.SmallInteger, nullable=False, server_default="0")
    op.add_column("executions", returns, schema="farm")
    op.create_table(
        "circuits",
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failed_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text),
        sa.Column("answered_from", sa.DateTime(timezone=True)),
        sa.Column("opened_at", sa.DateTime(timezone=True)),
        sa.Column("backoff_seconds", sa.Integer),
        sa.Column("probe_at", sa.DateTime(timezone=True)),
        sa.Column("probe_execution_id", sa.BigInteger),
        sa.Column("probe_attempt", sa.Integer),
        sa.PrimaryKeyConstraint("queue", name=op.f("pk_circuits")),
        sa.CheckConstraint(_OPEN, name=op.f("ck_circuits_open")),
        schema="farm",
        comment="Circuit breakers: a class is paused while opened_at is set. answered_from: the latest start of an"
        " execution that had a result.",
    )


def downgrade() -> None:
    # With their views and functions, which every upgrade makes again.
    op.execute("DROP TABLE farm.circuits CASCADE")
    for table, column in (
        ("executions", "provider_returns"),
        ("executions", "spent_micro_usd"),
        ("outcomes", "provider_wait_ms"),
        ("candidates", "provider_wait_ms"),
    ):
        op.execute(f"ALTER TABLE farm.{table} DROP COLUMN {column} CASCADE")
