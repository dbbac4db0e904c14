"""Imported issues."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from db.engine import transaction


class Issues:
    """Issues as documents, by id; a later import of the same id replaces the earlier one."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def upsert(self, source: str, documents: Iterable[dict[str, Any]]) -> tuple[int, int]:
        """Store the documents, all or none; how many are new and how many replaced one."""
        rows = [{"id": d["id"], "source": source, "document": _jsonb(d)} for d in documents]
        if not rows:
            return 0, 0
        statement = sa.text("""
            INSERT INTO farm.issues (issue_id, source, document) VALUES (:id, :source, CAST(:document AS jsonb))
            ON CONFLICT (issue_id) DO UPDATE
            SET source = EXCLUDED.source, document = EXCLUDED.document,
                -- Waiting counts from here: an import that changes nothing starts nothing anew.
                imported_at = CASE WHEN issues.document = EXCLUDED.document THEN issues.imported_at ELSE now() END""")
        with transaction(self._engine) as connection:
            known = connection.scalar(
                sa.text("SELECT count(*) FROM farm.issues WHERE issue_id = ANY (:ids)"),
                {"ids": [r["id"] for r in rows]},
            )
            connection.execute(statement, rows)
        return len(rows) - int(known or 0), int(known or 0)

    def all_documents(self) -> list[dict[str, Any]]:
        """Every issue, ordered by id."""
        with self._engine.connect() as connection:
            return list(connection.scalars(sa.text("SELECT document FROM farm.issues ORDER BY issue_id")))

    def sources(self, issue_ids: Sequence[str]) -> dict[str, str]:
        """The file that each of these issues was imported from last, by id."""
        statement = sa.text("SELECT issue_id, source FROM farm.issues WHERE issue_id = ANY (:ids)")
        with self._engine.connect() as connection:
            rows = connection.execute(statement, {"ids": list(issue_ids)})
            return {row.issue_id: row.source for row in rows}

    def any(self) -> bool:
        """Whether there is an issue at all."""
        with self._engine.connect() as connection:
            return bool(connection.scalar(sa.text("SELECT EXISTS (SELECT FROM farm.issues)")))

    def get(self, issue_id: str) -> dict[str, Any] | None:
        """One issue; None where it was never imported."""
        statement = sa.text("SELECT document FROM farm.issues WHERE issue_id = :id")
        with self._engine.connect() as connection:
            found: dict[str, Any] | None = connection.scalar(statement, {"id": issue_id})
        return found


def _jsonb(document: dict[str, Any]) -> str:
    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace").decode()
    return text.replace("\\u0000", "\\ufffd")
