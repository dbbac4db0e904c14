"""The table of results that were written back to the sources of their issues."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from db.columns import metadata, now_column, time_column
from db.tables import cases

write_backs = sa.Table(
    "write_backs",
    metadata,
    sa.Column("case_id", sa.ForeignKey(cases.c.case_id), primary_key=True),
    sa.Column("issue_id", sa.Text, nullable=False, index=True),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("document", pg.JSONB),
    now_column("begun_at"),
    time_column("written_at"),
    comment="Results of stream runs in the sources of their issues. document: the issue as an import reads it after "
    "the write, stored before it; NULL: nothing was to be written. written_at NULL: it may or may not be written.",
)
