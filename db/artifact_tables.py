"""Tables of artifacts: the files that candidates leave, addressed by their content."""

import sqlalchemy as sa

from db.columns import counter, metadata, now_column, time_column
from db.tables import attempts

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("bytes", sa.LargeBinary, nullable=False),
    now_column("stored_at"),
    sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest"),
    comment="Content-addressed bytes: digest is their SHA-256. Every patch, and all artifacts of the store postgres:.",
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    sa.Column("execution_id", sa.BigInteger, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("candidate", sa.SmallInteger, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    # SHA-256 of the stored bytes; NULL where they were not kept.
    sa.Column("digest", sa.Text),
    sa.Column("encoding", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    counter("stored_size"),
    # Bytes of the file that were left out to stay within the limit of its store.
    counter("left_out"),
    sa.Column("store", sa.Text, nullable=False),
    # The blob of the store postgres:; NULL where another store has the bytes.
    sa.Column("blob", sa.ForeignKey(blobs.c.digest), index=True),
    now_column("stored_at"),
    # When retention deleted its bytes; the row stays.
    time_column("pruned_at"),
    sa.ForeignKeyConstraint(
        ["execution_id", "attempt"],
        [attempts.c.execution_id, attempts.c.attempt],
        name="fk_artifacts_attempt",
    ),
    sa.CheckConstraint("encoding IN ('identity', 'gzip')", name="encoding"),
    sa.CheckConstraint("size >= 0 AND stored_size >= 0 AND left_out >= 0", name="sizes"),
    # It becomes a path inside of an archive.
    sa.CheckConstraint("name ~ '^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?$'", name="name"),
    sa.CheckConstraint(
        "(store = 'postgres:' AND digest IS NOT NULL AND pruned_at IS NULL) = (blob IS NOT NULL)", name="blob"
    ),
    comment="Files of candidates: patch, logs, conversation. name is the path in the candidate's archive.",
)
