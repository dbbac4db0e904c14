"""The tables of registered policies: who they are, and what each would have done in a bench's cases."""

import sqlalchemy as sa

from db.columns import metadata, now_column
from db.tables import cases

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "checkpoint_id", "bundle_hash")),
    sa.Column("epoch", sa.Text),
    sa.Column("path", sa.Text, nullable=False),
    now_column("registered_at"),
    # These mean something else in reports.
    sa.CheckConstraint(
        "name NOT IN ('heuristic_baseline', 'uniform', 'best_fixed', 'issue_id')", name="name"
    ),
    comment="Verified model bundles. epoch NULL: trained on mixed epochs.",
)

policy_actions = sa.Table(
    "policy_actions",
    metadata,
    sa.Column("case_id", sa.ForeignKey(cases.c.case_id), primary_key=True),
    sa.Column("policy", sa.ForeignKey(policies.c.name, ondelete="CASCADE"), primary_key=True),
    sa.Column("swarm_id", sa.Text, nullable=False),
    *(sa.Column(name, sa.Integer) for name in ("max_candidates", "max_minutes", "max_iterations")),
    sa.Column("canonical_rank", sa.SmallInteger, nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.CheckConstraint("confidence >= 0 AND confidence <= 1", name="confidence"),
    comment="What a policy decides on the stored planner_input of a case. NULL in a budget column is the bin NA.",
)
