"""Issues record the repository that they are of, and the id that they have there."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("issues", sa.Column("repository", sa.Text), schema="farm")
    op.add_column("issues", sa.Column("local_id", sa.Text), schema="farm")
    op.create_index(
        op.f("ix_issues_local_id"),
        "issues",
        ["local_id"],
        schema="farm",
        postgresql_where=sa.text("local_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_issues_local_id"), table_name="issues", schema="farm")
    op.drop_column("issues", "local_id", schema="farm")
    op.drop_column("issues", "repository", schema="farm")
