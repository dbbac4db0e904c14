"""The table of label positions: a sequence over closed cases, in which an incremental export has its place."""

import sqlalchemy as sa

from db.columns import metadata, now_column
from db.tables import cases

label_positions = sa.Table(
    "label_positions",
    metadata,
    sa.Column("position", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("case_id", sa.ForeignKey(cases.c.case_id), nullable=False, unique=True),
    now_column("assigned_at"),
    comment="Closed cases with outcomes, in the order in which exports saw them. Positions are assigned after the case"
    " is committed, by one transaction at a time: a later commit never has a lower position.",
)
