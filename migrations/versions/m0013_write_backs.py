"""Results of stream runs that were written back to the sources of their issues."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0013"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "write_backs",
        sa.Column("case_id", sa.BigInteger, nullable=False),
        sa.Column("issue_id", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("document", pg.JSONB),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("written_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_write_backs")),
        sa.ForeignKeyConstraint(["case_id"], ["farm.cases.case_id"], name=op.f("fk_write_backs_case_id")),
        schema="farm",
        comment="Results of stream runs in the sources of their issues. document: the issue as an import reads it"
        " after the write, stored before it; NULL: nothing was to be written. written_at NULL: it may or may not be"
        " written.",
    )
    op.create_index(op.f("ix_write_backs_issue_id"), "write_backs", ["issue_id"], schema="farm")


def downgrade() -> None:
    op.drop_table("write_backs", schema="farm")
