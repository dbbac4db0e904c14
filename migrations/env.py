"""Alembic's entry: runs on the connection of `db.upgrade`, inside its transaction."""

from alembic import context

import db.artifact_tables
import db.circuit_tables  # registers all tables, with the next ones
import db.estimate_tables
import db.label_tables
import db.landing_tables
import db.live_tables
import db.lock_tables
import db.money_tables
import db.notice_tables
import db.policy_tables
import db.write_back_tables  # noqa: F401
from db.columns import metadata


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    return name == "farm" if kind == "schema" else True


connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run: bench db upgrade")
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema="farm",
    include_schemas=True,
    include_name=include_name,
    compare_type=True,
    compare_server_default=False,
    transaction_per_migration=False,
)
context.run_migrations()
