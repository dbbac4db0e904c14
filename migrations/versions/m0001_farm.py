"""The farm: its tables, and the two roles of those who are not its owner."""

from importlib.resources import files

from alembic import op

revision = "0001"
down_revision = None

_ROLES = """
DO $$
DECLARE r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['bench_worker', 'bench_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', r);
        END IF;
    END LOOP;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the whole server: another database of it was migrated at the same moment
END $$;
"""


def upgrade() -> None:
    op.execute(_ROLES)
    tables = (files("migrations.versions") / "m0001_farm.sql").read_text(encoding="utf-8")
    for statement in tables.split(";\n\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Drop the schemas with all they hold. The roles stay: other databases of the server may use them."""
    op.execute("DROP SCHEMA report CASCADE")
    # The version table lies in the schema; what Alembic still writes to it must find it.
    op.execute("ALTER TABLE farm.alembic_version SET SCHEMA public")
    op.execute("DROP SCHEMA farm CASCADE")
    op.execute("CREATE SCHEMA farm")
    op.execute("ALTER TABLE public.alembic_version SET SCHEMA farm")
