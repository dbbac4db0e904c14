"""Live output of executions that somebody follows: unlogged, and empty where nobody does."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "followed",
        sa.Column("execution_id", sa.BigInteger, nullable=False),
        sa.Column("wanted_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("pk_followed")),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["farm.executions.execution_id"], name=op.f("fk_followed_execution_id")
        ),
        schema="farm",
        prefixes=["UNLOGGED"],
        comment="Executions whose output is wanted now; a follower renews its row. Without one, no worker sends"
        " output.",
    )
    op.create_table(
        "live_output",
        sa.Column("chunk_no", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("execution_id", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("candidate", sa.SmallInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("left_out", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("chunk_no", name=op.f("pk_live_output")),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["farm.executions.execution_id"], name=op.f("fk_live_output_execution_id")
        ),
        sa.UniqueConstraint(
            "execution_id",
            "attempt",
            "candidate",
            "name",
            "position",
            name=op.f("uq_live_output_execution_id_attempt_candidate_name_position"),
        ),
        sa.CheckConstraint("position >= 0 AND left_out >= 0", name=op.f("ck_live_output_position")),
        sa.CheckConstraint("octet_length(body) <= 65536", name=op.f("ck_live_output_body")),
        schema="farm",
        prefixes=["UNLOGGED"],
        comment="New output of followed executions, kept for a minute and deleted when the attempt ends.",
    )


def downgrade() -> None:
    # With their functions, which every upgrade makes again.
    op.execute("DROP TABLE farm.live_output CASCADE")
    op.execute("DROP TABLE farm.followed CASCADE")
