"""Registered policies, and the action of each on the cases it was scored on."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "policies",
        sa.Column("name", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "checkpoint_id", "bundle_hash")),
        sa.Column("epoch", sa.Text),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_policies")),
        sa.CheckConstraint(
            "name NOT IN ('heuristic_baseline', 'uniform', 'best_fixed', 'issue_id')",
            name=op.f("ck_policies_name"),
        ),
        schema="farm",
        comment="Verified model bundles. epoch NULL: trained on mixed epochs.",
    )
    op.create_table(
        "policy_actions",
        *(
            sa.Column(name, kind, nullable=False)
            for name, kind in (("case_id", sa.BigInteger), ("policy", sa.Text))
        ),
        sa.Column("swarm_id", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer) for name in ("max_candidates", "max_minutes", "max_iterations")),
        sa.Column("canonical_rank", sa.SmallInteger, nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("case_id", "policy", name=op.f("pk_policy_actions")),
        sa.ForeignKeyConstraint(["case_id"], ["farm.cases.case_id"], name=op.f("fk_policy_actions_case_id")),
        sa.ForeignKeyConstraint(
            ["policy"], ["farm.policies.name"], name=op.f("fk_policy_actions_policy"), ondelete="CASCADE"
        ),
        sa.CheckConstraint("confidence >= 0 AND confidence <= 1", name=op.f("ck_policy_actions_confidence")),
        schema="farm",
        comment="What a policy decides on the stored planner_input of a case. NULL in a budget column is the bin NA.",
    )


def downgrade() -> None:
    # The views name what goes; they are made again by every upgrade.
    op.execute("DROP SCHEMA report CASCADE")
    op.execute("CREATE SCHEMA report")
    op.drop_table("policy_actions", schema="farm")
    op.drop_table("policies", schema="farm")
