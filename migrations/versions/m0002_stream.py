"""The stream: benches whose cases come one by one, each with the decision that chose its arm."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0002"
down_revision = "0001"

_OLD_KEY, _NEW_KEY = "uq_cases_bench_id_issue_id", "uq_cases_bench_id_issue_id_run_no"
_COMMENT = (
    "run_no counts a stream's runs of one issue. decision: planner_action and policy_trace of a stream's run."
)


def upgrade() -> None:
    op.add_column(
        "benches", sa.Column("kind", sa.Text, nullable=False, server_default="bench"), schema="farm"
    )
    op.create_check_constraint(
        op.f("ck_benches_kind"), "benches", "kind IN ('bench', 'stream')", schema="farm"
    )
    op.add_column(
        "cases", sa.Column("run_no", sa.SmallInteger, nullable=False, server_default="0"), schema="farm"
    )
    op.add_column("cases", sa.Column("decision", pg.JSONB), schema="farm")
    op.drop_constraint(_OLD_KEY, "cases", schema="farm")
    op.create_unique_constraint(_NEW_KEY, "cases", ["bench_id", "issue_id", "run_no"], schema="farm")
    op.create_table_comment("cases", _COMMENT, schema="farm")


def downgrade() -> None:
    """Streams become ordinary benches; refused by the old key where an issue ran in one stream twice."""
    # The views name what goes; they are made again by every upgrade.
    op.execute("DROP SCHEMA report CASCADE")
    op.execute("CREATE SCHEMA report")
    op.drop_constraint(_NEW_KEY, "cases", schema="farm")
    op.create_unique_constraint(_OLD_KEY, "cases", ["bench_id", "issue_id"], schema="farm")
    op.drop_table_comment("cases", schema="farm")
    op.drop_column("cases", "decision", schema="farm")
    op.drop_column("cases", "run_no", schema="farm")
    op.drop_column("benches", "kind", schema="farm")
