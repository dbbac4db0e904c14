"""Positions of closed cases for incremental exports of labels, and the rules that a bench was submitted under."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("benches", sa.Column("stability", pg.JSONB), schema="farm")
    op.create_table(
        "label_positions",
        sa.Column("position", sa.BigInteger, sa.Identity(), nullable=False),
        sa.Column("case_id", sa.BigInteger, nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_label_positions")),
        sa.UniqueConstraint("case_id", name=op.f("uq_label_positions_case_id")),
        sa.ForeignKeyConstraint(["case_id"], ["farm.cases.case_id"], name=op.f("fk_label_positions_case_id")),
        schema="farm",
        comment="Closed cases with outcomes, in the order in which exports saw them. Positions are assigned after the"
        " case is committed, by one transaction at a time: a later commit never has a lower position.",
    )


def downgrade() -> None:
    op.execute("DROP TABLE farm.label_positions CASCADE")
    op.execute("ALTER TABLE farm.benches DROP COLUMN stability CASCADE")
