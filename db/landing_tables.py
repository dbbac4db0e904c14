"""The tables of landing: solved issues on their way into the source repository, and gates on other commits."""

import sqlalchemy as sa

from db.columns import metadata, now_column, one_of, time_column
from db.states import LAND_MODES, LANDING_STATES
from db.tables import cases, executions

landings = sa.Table(
    "landings",
    metadata,
    sa.Column("case_id", sa.ForeignKey(cases.c.case_id), primary_key=True),
    sa.Column("issue_id", sa.Text, nullable=False, index=True),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("target", sa.Text),
    sa.Column("state", sa.Text, nullable=False, server_default="queued"),
    sa.Column("commit_id", sa.Text),
    sa.Column("target_tip", sa.Text),
    sa.Column("merge_id", sa.Text),
    sa.Column("check_execution_id", sa.ForeignKey(executions.c.execution_id)),
    sa.Column("merges", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("url", sa.Text),
    sa.Column("reason", sa.Text),
    time_column("retry_at"),
    now_column("created_at"),
    now_column("updated_at"),
    one_of("mode", LAND_MODES),
    one_of("state", LANDING_STATES),
    sa.CheckConstraint("state IN ('queued', 'held') OR commit_id IS NOT NULL", name="commit"),
    sa.CheckConstraint(
        "state <> 'checking' OR (merge_id IS NOT NULL AND target_tip IS NOT NULL"
        " AND check_execution_id IS NOT NULL)",
        name="checking",
    ),
    comment="A case that a stream solved, on its way into the source repository. merge_id: commit_id merged into"
    " target_tip, on which the gates of check_execution_id run.",
)

base_conflicts = sa.Table(
    "base_conflicts",
    metadata,
    sa.Column("issue_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    now_column("noted_at"),
    comment="Issues that wait for a person: the commits of their blockers cannot be merged into one base.",
)

checks = sa.Table(
    "checks",
    metadata,
    sa.Column("execution_id", sa.ForeignKey(executions.c.execution_id), primary_key=True),
    sa.Column("commit_id", sa.Text, nullable=False),
    comment="Executions that run the gates of their case on another commit than its base, such as a merge result.",
)
