"""Notices: targets, events, the outbox of deliveries, and when a bench was halted and a machine suspended."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0021"
down_revision = "0020"

_KINDS = (
    "kind IN ('bench_finished', 'bench_halted', 'cap_warning', 'cap_reached', 'machine_suspended',"
    " 'stream_starving', 'drift_found')"
)
_ONE_KEY = "(secret_variable IS NOT NULL)::int + (secret_file IS NOT NULL)::int = (type = 'webhook')::int"


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.add_column("benches", sa.Column("halted_at", sa.DateTime(timezone=True)), schema="farm")
    op.add_column("machines", sa.Column("suspended_at", sa.DateTime(timezone=True)), schema="farm")
    op.create_table(
        "notice_targets",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("url_variable", sa.Text),
        sa.Column("secret_variable", sa.Text),
        sa.Column("secret_file", sa.Text),
        sa.Column("kinds", pg.ARRAY(sa.Text), nullable=False, server_default="{}"),
        _now("added_at"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_notice_targets")),
        sa.CheckConstraint("type IN ('webhook', 'apprise')", name=op.f("ck_notice_targets_type")),
        sa.CheckConstraint("(url IS NULL) <> (url_variable IS NULL)", name=op.f("ck_notice_targets_one_url")),
        sa.CheckConstraint(_ONE_KEY, name=op.f("ck_notice_targets_secret_of_webhook")),
        schema="farm",
        comment="Where notices go. kinds: only these; empty: all.",
    )
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bench_id", sa.Text),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        _now("noticed_at"),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
        sa.UniqueConstraint("key", name=op.f("uq_notices_key")),
        sa.CheckConstraint(_KINDS, name=op.f("ck_notices_kind")),
        schema="farm",
        comment="One row an event. key: what identifies the event, so that it is stored once.",
    )
    _create_deliveries()


def _create_deliveries() -> None:
    op.create_table(
        "notice_deliveries",
        sa.Column("notice_id", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, server_default="due"),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        _now("next_at"),
        sa.Column("tried_at", sa.DateTime(timezone=True)),
        sa.Column("answer", sa.Text),
        sa.PrimaryKeyConstraint("notice_id", "target", name=op.f("pk_notice_deliveries")),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["farm.notices.notice_id"],
            name=op.f("fk_notice_deliveries_notice_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["target"],
            ["farm.notice_targets.name"],
            name=op.f("fk_notice_deliveries_target"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("state IN ('due', 'sent', 'failed')", name=op.f("ck_notice_deliveries_state")),
        schema="farm",
        comment="The outbox: one row a notice and target.",
    )
    op.create_index(
        "ix_notice_deliveries_due",
        "notice_deliveries",
        ["next_at"],
        schema="farm",
        postgresql_where=sa.text("state = 'due'"),
    )


def downgrade() -> None:
    for table in ("notice_deliveries", "notices", "notice_targets"):
        op.execute(f"DROP TABLE farm.{table} CASCADE")
    # The functions of the triggers name the columns; every upgrade makes them again.
    for function, table, column in (
        ("stamp_suspension", "machines", "suspended_at"),
        ("stamp_halt", "benches", "halted_at"),
    ):
        op.execute(f"DROP FUNCTION IF EXISTS farm.{function}() CASCADE")
        op.execute(f"ALTER TABLE farm.{table} DROP COLUMN {column} CASCADE")
