"""Indexes that find the last hour in a long history, for metrics."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_index(
        "ix_attempts_claimed_at",
        "attempts",
        ["claimed_at"],
        schema="farm",
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_index(
        "ix_outcomes_recorded_at",
        "outcomes",
        ["recorded_at"],
        schema="farm",
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )


def downgrade() -> None:
    op.drop_index("ix_outcomes_recorded_at", "outcomes", schema="farm")
    op.drop_index("ix_attempts_claimed_at", "attempts", schema="farm")
