"""Published rates of actions: partially pooled, which the database cannot compute."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "action_estimates",
        sa.Column("bench_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("quantity", sa.Text, nullable=False),
        sa.Column("canonical_rank", sa.SmallInteger),
        sa.Column("swarm_id", sa.Text),
        sa.Column("max_candidates_bin", sa.Text),
        sa.Column("max_minutes_bin", sa.Text),
        sa.Column("max_iterations_bin", sa.Text),
        sa.Column("issues", sa.Integer, nullable=False),
        sa.Column("effective_issues", sa.Double),
        sa.Column("estimand", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("low", sa.Double),
        sa.Column("high", sa.Double),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("why_not", sa.Text),
        sa.PrimaryKeyConstraint("bench_id", "subject", "quantity", name=op.f("pk_action_estimates")),
        sa.ForeignKeyConstraint(
            ["bench_id"],
            ["farm.published_estimates.bench_id"],
            name=op.f("fk_action_estimates_bench_id"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "quantity IN ('pass_rate', 'own_pass_rate', 'minutes_to_pass', 'dollars_per_pass')",
            name=op.f("ck_action_estimates_quantity"),
        ),
        schema="farm",
        comment="Actions, and groups of them: those with the same value of one part; their other parts are NULL.",
    )


def downgrade() -> None:
    # With its view, which every upgrade makes again.
    op.execute("DROP TABLE farm.action_estimates CASCADE")
