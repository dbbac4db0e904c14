"""Landings of solved issues, and executions that run gates on a merge result."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_MODES = "mode IN ('branch', 'pr', 'merge')"
_STATES = "state IN ('queued', 'branched', 'checking', 'landed', 'held')"
_COMMIT = "state IN ('queued', 'held') OR commit_id IS NOT NULL"
_CHECKING = (
    "state <> 'checking' OR (merge_id IS NOT NULL AND target_tip IS NOT NULL"
    " AND check_execution_id IS NOT NULL)"
)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.create_table(
        "landings",
        sa.Column("case_id", sa.BigInteger, nullable=False),
        sa.Column("issue_id", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("target", sa.Text),
        sa.Column("state", sa.Text, nullable=False, server_default="queued"),
        sa.Column("commit_id", sa.Text),
        sa.Column("target_tip", sa.Text),
        sa.Column("merge_id", sa.Text),
        sa.Column("check_execution_id", sa.BigInteger),
        sa.Column("merges", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("url", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("retry_at", sa.DateTime(timezone=True)),
        _now("created_at"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_landings")),
        sa.ForeignKeyConstraint(["case_id"], ["farm.cases.case_id"], name=op.f("fk_landings_case_id")),
        sa.ForeignKeyConstraint(
            ["check_execution_id"],
            ["farm.executions.execution_id"],
            name=op.f("fk_landings_check_execution_id"),
        ),
        sa.CheckConstraint(_MODES, name=op.f("ck_landings_mode")),
        sa.CheckConstraint(_STATES, name=op.f("ck_landings_state")),
        sa.CheckConstraint(_COMMIT, name=op.f("ck_landings_commit")),
        sa.CheckConstraint(_CHECKING, name=op.f("ck_landings_checking")),
        schema="farm",
        comment="A case that a stream solved, on its way into the source repository. merge_id: commit_id merged into"
        " target_tip, on which the gates of check_execution_id run.",
    )
    op.create_index(op.f("ix_landings_issue_id"), "landings", ["issue_id"], schema="farm")
    op.create_table(
        "base_conflicts",
        sa.Column("issue_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        _now("noted_at"),
        sa.PrimaryKeyConstraint("issue_id", name=op.f("pk_base_conflicts")),
        schema="farm",
        comment="Issues that wait for a person: the commits of their blockers cannot be merged into one base.",
    )
    op.create_table(
        "checks",
        sa.Column("execution_id", sa.BigInteger, nullable=False),
        sa.Column("commit_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("pk_checks")),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["farm.executions.execution_id"], name=op.f("fk_checks_execution_id")
        ),
        schema="farm",
        comment="Executions that run the gates of their case on another commit than its base, such as a merge result.",
    )


def downgrade() -> None:
    # With their views and functions, which every upgrade makes again.
    for table in ("checks", "base_conflicts", "landings"):
        op.execute(f"DROP TABLE farm.{table} CASCADE")
