"""Races: the arms that all cases of a bench share, and those that were dropped on the way."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("benches", sa.Column("race", pg.JSONB), schema="farm")


def downgrade() -> None:
    op.drop_column("benches", "race", schema="farm")
