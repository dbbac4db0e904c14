"""Imported issues."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from db.repositories.issue_identities import IssueHolder, issue_holders


class Issues:
    """Issues as documents, by id, as the last import of each stored them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all_documents(self) -> list[dict[str, Any]]:
        """Every issue, ordered by id."""
        with self._engine.connect() as connection:
            return list(connection.scalars(sa.text("SELECT document FROM farm.issues ORDER BY issue_id")))

    def ids(self, prefix: str, limit: int) -> list[str]:
        """The first ids that begin with `prefix`, in order."""
        statement = sa.text(
            "SELECT issue_id FROM farm.issues WHERE starts_with(issue_id, :prefix) ORDER BY issue_id LIMIT :limit"
        )
        with self._engine.connect() as connection:
            return list(connection.scalars(statement, {"prefix": prefix, "limit": limit}))

    def sources(self, issue_ids: Sequence[str]) -> dict[str, str]:
        """The file that each of these issues was imported from last, by id."""
        statement = sa.text("SELECT issue_id, source FROM farm.issues WHERE issue_id = ANY (:ids)")
        with self._engine.connect() as connection:
            rows = connection.execute(statement, {"ids": list(issue_ids)})
            return {row.issue_id: row.source for row in rows}

    def holders(self, ids: Collection[str]) -> list[IssueHolder]:
        """The issues that have one of these ids, in the farm or in their own repository."""
        with self._engine.connect() as connection:
            return issue_holders(connection, ids)

    def ids_by_source(self) -> dict[str, set[str]]:
        """The ids of the issues of each file, as the file has them, by the file that named them last."""
        statement = sa.text(
            "SELECT source, array_agg(coalesce(local_id, issue_id)) AS ids FROM farm.issues GROUP BY source"
        )
        with self._engine.connect() as connection:
            return {row.source: set(row.ids) for row in connection.execute(statement)}

    def any(self) -> bool:
        """Whether there is an issue at all."""
        with self._engine.connect() as connection:
            return bool(connection.scalar(sa.text("SELECT EXISTS (SELECT FROM farm.issues)")))

    def get(self, issue_id: str) -> dict[str, Any] | None:
        """One issue; None where it was never imported."""
        statement = sa.text("SELECT document FROM farm.issues WHERE issue_id = :id")
        with self._engine.connect() as connection:
            document: dict[str, Any] | None = connection.scalar(statement, {"id": issue_id})
        return document
