"""Benches keep the notes of their submission; a case whose environment failed is not an invalid one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0012"
down_revision = "0011"

_BEFORE = ("checking", "pending", "admitted", "finished", "invalid", "skipped", "cancelled")
_STATES = ("checking", "pending", "admitted", "finished", "invalid", "error", "skipped", "cancelled")


def upgrade() -> None:
    notes = sa.Column("notes", pg.ARRAY(sa.Text), nullable=False, server_default="{}")
    op.add_column("benches", notes, schema="farm")
    _allow(*_STATES)
    # A case that an earlier version ended as invalid, though its issue was not found invalid.
    op.execute("""
        UPDATE farm.cases c SET state = 'error'
        WHERE state = 'invalid' AND NOT EXISTS (
            SELECT FROM farm.executions e JOIN farm.outcomes o USING (execution_id)
            WHERE e.case_id = c.case_id AND e.arm_id IS NULL AND o.error_class = 'invalid_issue')""")


def downgrade() -> None:
    op.execute("UPDATE farm.cases SET state = 'invalid' WHERE state = 'error'")
    _allow(*_BEFORE)
    op.execute("ALTER TABLE farm.benches DROP COLUMN notes CASCADE")


def _allow(*states: str) -> None:
    op.drop_constraint(op.f("ck_cases_state"), "cases", schema="farm")
    allowed = ", ".join(f"'{state}'" for state in states)
    op.create_check_constraint(op.f("ck_cases_state"), "cases", f"state IN ({allowed})", schema="farm")
