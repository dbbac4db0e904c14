"""Published estimates: judgements of cases and arms, values of policies, brackets of the oracle and of regret."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TABLES = ("policy_estimates", "arm_judgements", "case_judgements", "published_estimates")


def _estimate() -> list[sa.Column[object]]:
    return [
        sa.Column("estimand", sa.Text, nullable=False),
        *(sa.Column(name, sa.Double) for name in ("value", "low", "high")),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("why_not", sa.Text),
    ]


def upgrade() -> None:
    op.create_table(
        "published_estimates",
        sa.Column("bench_id", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("why_not", sa.Text),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("bench_id", name=op.f("pk_published_estimates")),
        sa.ForeignKeyConstraint(
            ["bench_id"], ["farm.benches.bench_id"], name=op.f("fk_published_estimates_bench_id")
        ),
        schema="farm",
        comment="fingerprint: of the outcomes, caps and policies that the numbers were computed from. "
        "why_not: why there are no values of policies at all.",
    )
    _create_case_judgements()
    _create_arm_judgements()
    _create_policy_estimates()


def _create_case_judgements() -> None:
    op.create_table(
        "case_judgements",
        sa.Column("case_id", sa.BigInteger, nullable=False),
        sa.Column("bench_id", sa.Text, nullable=False),
        sa.Column("leader_arm_id", sa.BigInteger, nullable=False),
        sa.Column("tie_size", sa.SmallInteger, nullable=False),
        sa.Column("is_claimed", sa.Boolean, nullable=False),
        sa.Column("p_value", sa.Double, nullable=False),
        *_estimate(),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_judgements")),
        sa.ForeignKeyConstraint(["case_id"], ["farm.cases.case_id"], name=op.f("fk_case_judgements_case_id")),
        sa.ForeignKeyConstraint(
            ["bench_id"],
            ["farm.published_estimates.bench_id"],
            name=op.f("fk_case_judgements_bench_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["leader_arm_id"], ["farm.arms.arm_id"], name=op.f("fk_case_judgements_leader_arm_id")
        ),
        schema="farm",
        comment="What the runs of a case say together; the estimate is of what the leader is worth.",
    )
    op.create_index(op.f("ix_case_judgements_bench_id"), "case_judgements", ["bench_id"], schema="farm")


def _create_arm_judgements() -> None:
    op.create_table(
        "arm_judgements",
        sa.Column("arm_id", sa.BigInteger, nullable=False),
        sa.Column("case_id", sa.BigInteger, nullable=False),
        sa.Column("runs", sa.Integer, nullable=False),
        sa.Column("observed", sa.Double, nullable=False),
        sa.Column("chance_best", sa.Double),
        sa.Column("in_winner_set", sa.Boolean, nullable=False),
        sa.Column("weight", sa.Double, nullable=False),
        *_estimate(),
        sa.PrimaryKeyConstraint("arm_id", name=op.f("pk_arm_judgements")),
        sa.ForeignKeyConstraint(["arm_id"], ["farm.arms.arm_id"], name=op.f("fk_arm_judgements_arm_id")),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["farm.case_judgements.case_id"],
            name=op.f("fk_arm_judgements_case_id"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("weight >= 0 AND weight <= 1", name=op.f("ck_arm_judgements_weight")),
        schema="farm",
        comment="Observed arms. chance_best NULL: not identified.",
    )
    op.create_index(op.f("ix_arm_judgements_case_id"), "arm_judgements", ["case_id"], schema="farm")


def _create_policy_estimates() -> None:
    op.create_table(
        "policy_estimates",
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("bench_id", "quantity", "policy", "estimator")
        ),
        sa.Column("is_recommended", sa.Boolean, nullable=False),
        *_estimate(),
        sa.PrimaryKeyConstraint(
            "bench_id", "quantity", "policy", "estimator", name=op.f("pk_policy_estimates")
        ),
        sa.ForeignKeyConstraint(
            ["bench_id"],
            ["farm.published_estimates.bench_id"],
            name=op.f("fk_policy_estimates_bench_id"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "quantity IN ('value', 'difference', 'regret', 'oracle', 'advantage')",
            name=op.f("ck_policy_estimates_quantity"),
        ),
        schema="farm",
        comment="value and difference by estimator; regret, oracle and advantage by lower, upper and point, the last "
        "two of no policy ('').",
    )


def downgrade() -> None:
    # The views name what goes; they are made again by every upgrade.
    op.execute("DROP SCHEMA report CASCADE")
    op.execute("CREATE SCHEMA report")
    for table in _TABLES:
        op.drop_table(table, schema="farm")
