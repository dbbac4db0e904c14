"""Artifacts of candidates: patches, logs and conversations that outlive their machine."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_NAME = "name ~ '^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?$'"
_BLOB = "(store = 'postgres:' AND digest IS NOT NULL AND pruned_at IS NULL) = (blob IS NOT NULL)"


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("bytes", sa.LargeBinary, nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_blobs")),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name=op.f("ck_blobs_digest")),
        schema="farm",
        comment="Content-addressed bytes: digest is their SHA-256. Every patch, and all artifacts of the store"
        " postgres:.",
    )
    # They are compressed already.
    op.execute("ALTER TABLE farm.blobs ALTER COLUMN bytes SET STORAGE EXTERNAL")
    op.create_table(
        "artifacts",
        sa.Column("execution_id", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("candidate", sa.SmallInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.Text),
        sa.Column("encoding", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("stored_size", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("left_out", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("blob", sa.Text),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("pruned_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("execution_id", "attempt", "candidate", "name", name=op.f("pk_artifacts")),
        sa.ForeignKeyConstraint(
            ["execution_id", "attempt"],
            ["farm.attempts.execution_id", "farm.attempts.attempt"],
            name=op.f("fk_artifacts_attempt"),
        ),
        sa.ForeignKeyConstraint(["blob"], ["farm.blobs.digest"], name=op.f("fk_artifacts_blob")),
        sa.CheckConstraint("encoding IN ('identity', 'gzip')", name=op.f("ck_artifacts_encoding")),
        sa.CheckConstraint(
            "size >= 0 AND stored_size >= 0 AND left_out >= 0", name=op.f("ck_artifacts_sizes")
        ),
        sa.CheckConstraint(_NAME, name=op.f("ck_artifacts_name")),
        sa.CheckConstraint(_BLOB, name=op.f("ck_artifacts_blob")),
        schema="farm",
        comment="Files of candidates: patch, logs, conversation. name is the path in the candidate's archive.",
    )
    op.create_index(op.f("ix_artifacts_blob"), "artifacts", ["blob"], schema="farm")


def downgrade() -> None:
    # With their views and functions, which every upgrade makes again.
    op.execute("DROP TABLE farm.artifacts CASCADE")
    op.execute("DROP TABLE farm.blobs CASCADE")
