"""The tables of notices: targets, notices, and the outbox of deliveries."""

import sqlalchemy as sa

from db.columns import metadata, now_column, one_of, text_array, time_column
from db.states import DELIVERY_STATES, NOTICE_KINDS, NOTICE_TARGET_TYPES

notice_targets = sa.Table(
    "notice_targets",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    # An address without secrets, or the name of the coordinator's variable that holds one.
    sa.Column("url", sa.Text),
    sa.Column("url_variable", sa.Text),
    # Where the coordinator reads the key of the signature; the key itself is never stored.
    sa.Column("secret_variable", sa.Text),
    sa.Column("secret_file", sa.Text),
    text_array("kinds"),
    now_column("added_at"),
    one_of("type", NOTICE_TARGET_TYPES),
    sa.CheckConstraint("(url IS NULL) <> (url_variable IS NULL)", name="one_url"),
    sa.CheckConstraint(
        "(secret_variable IS NOT NULL)::int + (secret_file IS NOT NULL)::int = (type = 'webhook')::int",
        name="secret_of_webhook",
    ),
    comment="Where notices go. kinds: only these; empty: all.",
)

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("notice_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("bench_id", sa.Text),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    now_column("noticed_at"),
    one_of("kind", NOTICE_KINDS),
    comment="One row an event. key: what identifies the event, so that it is stored once.",
)

notice_deliveries = sa.Table(
    "notice_deliveries",
    metadata,
    sa.Column("notice_id", sa.ForeignKey(notices.c.notice_id, ondelete="CASCADE"), primary_key=True),
    sa.Column("target", sa.ForeignKey(notice_targets.c.name, ondelete="CASCADE"), primary_key=True),
    sa.Column("state", sa.Text, nullable=False, server_default="due"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    # The next try; while one is under way, the end of its lease.
    now_column("next_at"),
    time_column("tried_at"),
    # The reply to the last try, or why there was none.
    sa.Column("answer", sa.Text),
    one_of("state", DELIVERY_STATES),
    sa.Index("ix_notice_deliveries_due", "next_at", postgresql_where=sa.text("state = 'due'")),
    comment="The outbox: one row a notice and target.",
)
