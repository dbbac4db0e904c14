"""Tables of live output: what a running execution prints while somebody follows it. Unlogged: a crash empties them."""

import sqlalchemy as sa

from db.columns import metadata, now_column
from db.tables import executions

followed = sa.Table(
    "followed",
    metadata,
    sa.Column("execution_id", sa.ForeignKey(executions.c.execution_id), primary_key=True),
    sa.Column("wanted_until", sa.DateTime(timezone=True), nullable=False),
    prefixes=["UNLOGGED"],
    comment="Executions whose output is wanted now; a follower renews its row. Without one, no worker sends output.",
)

live_output = sa.Table(
    "live_output",
    metadata,
    sa.Column("chunk_no", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("execution_id", sa.ForeignKey(executions.c.execution_id), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("candidate", sa.SmallInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    # Bytes of the file before this chunk: a repeated send is recognised by it.
    sa.Column("position", sa.BigInteger, nullable=False),
    # Bytes between the chunk before and this one that were not sent.
    sa.Column("left_out", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    now_column("sent_at"),
    sa.UniqueConstraint("execution_id", "attempt", "candidate", "name", "position"),
    sa.CheckConstraint("position >= 0 AND left_out >= 0", name="position"),
    sa.CheckConstraint("octet_length(body) <= 65536", name="body"),
    prefixes=["UNLOGGED"],
    comment="New output of followed executions, kept for a minute and deleted when the attempt ends.",
)
