"""Functions, triggers, views and grants: replaced as a whole from the files in `db/schema` at every upgrade."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

# Triggers go with their functions.
_DROP = """
DO $$
DECLARE f record;
BEGIN
    -- By name: a view that another one took along has no name to look up any more.
    FOR f IN SELECT format('report.%I', c.relname) AS name FROM pg_class c
             WHERE c.relnamespace = 'report'::regnamespace AND c.relkind = 'v' LOOP
        EXECUTE format('DROP VIEW IF EXISTS %s CASCADE', f.name);
    END LOOP;
    FOR f IN SELECT p.oid::regprocedure AS name FROM pg_proc p
             WHERE p.pronamespace IN ('farm'::regnamespace, 'report'::regnamespace) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', f.name);
    END LOOP;
END $$;
"""


def schema_files() -> list[Traversable]:
    """The files in the order they are run: by name, views after the functions they use."""
    root = files("db") / "schema"
    return sorted(
        (entry for entry in root.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name
    )


def code_hash() -> str:
    """SHA-256 over all schema files: which code a database carries."""
    digest = hashlib.sha256()
    for entry in schema_files():
        digest.update(entry.name.encode() + b"\0" + entry.read_bytes())
    return digest.hexdigest()


def replace_code(driver_connection: Any) -> None:
    """Drop and create all code objects in the transaction of `driver_connection` (psycopg)."""
    driver_connection.execute(_DROP)
    for entry in schema_files():
        driver_connection.execute(entry.read_text(encoding="utf-8"))
    driver_connection.execute(
        "INSERT INTO farm.settings VALUES ('code_hash', to_jsonb(%s::text))"
        " ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value",
        [code_hash()],
    )
