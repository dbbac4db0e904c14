"""The tables of published estimates: what was last computed from the outcomes of each bench."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from db.columns import metadata, now_column
from db.tables import arms, benches, cases


def _estimate() -> list[sa.Column[object]]:
    """The columns of one published number, bracket or refusal."""
    return [
        sa.Column("estimand", sa.Text, nullable=False),
        *(sa.Column(name, sa.Double) for name in ("value", "low", "high")),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("why_not", sa.Text),
    ]


published_estimates = sa.Table(
    "published_estimates",
    metadata,
    sa.Column("bench_id", sa.ForeignKey(benches.c.bench_id), primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("why_not", sa.Text),
    now_column("published_at"),
    comment="fingerprint: of the outcomes, caps and policies that the numbers were computed from. "
    "why_not: why there are no values of policies at all.",
)

case_judgements = sa.Table(
    "case_judgements",
    metadata,
    sa.Column("case_id", sa.ForeignKey(cases.c.case_id), primary_key=True),
    sa.Column(
        "bench_id",
        sa.ForeignKey(published_estimates.c.bench_id, ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("leader_arm_id", sa.ForeignKey(arms.c.arm_id), nullable=False),
    sa.Column("tie_size", sa.SmallInteger, nullable=False),
    sa.Column("is_claimed", sa.Boolean, nullable=False),
    sa.Column("p_value", sa.Double, nullable=False),
    *_estimate(),
    comment="What the runs of a case say together; the estimate is of what the leader is worth.",
)

arm_judgements = sa.Table(
    "arm_judgements",
    metadata,
    sa.Column("arm_id", sa.ForeignKey(arms.c.arm_id), primary_key=True),
    sa.Column(
        "case_id",
        sa.ForeignKey(case_judgements.c.case_id, ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("runs", sa.Integer, nullable=False),
    sa.Column("observed", sa.Double, nullable=False),
    sa.Column("chance_best", sa.Double),
    sa.Column("in_winner_set", sa.Boolean, nullable=False),
    sa.Column("weight", sa.Double, nullable=False),
    *_estimate(),
    sa.CheckConstraint("weight >= 0 AND weight <= 1", name="weight"),
    comment="Observed arms. chance_best NULL: not identified.",
)

policy_estimates = sa.Table(
    "policy_estimates",
    metadata,
    sa.Column(
        "bench_id", sa.ForeignKey(published_estimates.c.bench_id, ondelete="CASCADE"), primary_key=True
    ),
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("quantity", "policy", "estimator")),
    sa.Column("is_recommended", sa.Boolean, nullable=False),
    *_estimate(),
    sa.Column("p_value", sa.Double),
    sa.Column("missing_share", sa.Double),
    sa.Column("missing_by_class", pg.JSONB(none_as_null=True)),
    sa.CheckConstraint(
        "quantity IN ('value', 'value_here', 'difference', 'difference_here', 'regret', 'oracle', 'advantage')",
        name="quantity",
    ),
    comment="value and difference by estimator, value_here and difference_here on these issues; regret, oracle and "
    "advantage by lower, upper and point, the last two of no policy ('').",
)

action_estimates = sa.Table(
    "action_estimates",
    metadata,
    sa.Column(
        "bench_id", sa.ForeignKey(published_estimates.c.bench_id, ondelete="CASCADE"), primary_key=True
    ),
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("subject", "quantity")),
    sa.Column("canonical_rank", sa.SmallInteger),
    *(
        sa.Column(name, sa.Text)
        for name in ("swarm_id", "max_candidates_bin", "max_minutes_bin", "max_iterations_bin")
    ),
    sa.Column("issues", sa.Integer, nullable=False),
    sa.Column("effective_issues", sa.Double),
    *_estimate(),
    sa.CheckConstraint(
        "quantity IN ('pass_rate', 'own_pass_rate', 'minutes_to_pass', 'dollars_per_pass')", name="quantity"
    ),
    comment="Actions, and groups of them: those with the same value of one part; their other parts are NULL.",
)
