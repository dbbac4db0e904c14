"""Machines report the sandbox that they run work in."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("machines", sa.Column("sandbox", sa.Text), schema="farm")


def downgrade() -> None:
    op.drop_column("machines", "sandbox", schema="farm")
