"""The table of session-bound locks."""

import sqlalchemy as sa

from db.columns import metadata, time_column

turns = sa.Table(
    "turns",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("holder_pid", sa.Integer),
    time_column("holder_started_at"),
    sa.Column("holder_role", sa.Text),
    sa.Column("holder", sa.Text),
    comment="Session-bound locks: a turn is held while the session of holder_pid lives. fence counts its holders.",
)
