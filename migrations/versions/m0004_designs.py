"""Sampling designs: the inclusion probabilities of all allowed actions, and of pairs of arms."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0004"
down_revision = "0003"

_OLD_COMMENT = (
    "run_no counts a stream's runs of one issue. decision: planner_action and policy_trace of a stream's run."
)


def upgrade() -> None:
    op.add_column("cases", sa.Column("design", pg.JSONB), schema="farm")
    op.create_table_comment(
        "cases",
        f"{_OLD_COMMENT} design: how the arms were drawn, with every inclusion probability.",
        existing_comment=_OLD_COMMENT,
        schema="farm",
    )


def downgrade() -> None:
    op.create_table_comment("cases", _OLD_COMMENT, schema="farm")
    op.drop_column("cases", "design", schema="farm")
