"""Identities of issues: an id is unique within a repository; in the farm another one has a qualified id."""

from collections.abc import Collection
from typing import Final, NamedTuple

import sqlalchemy as sa

from db.rows import rows_of

_HOLDERS: Final = sa.text("""
    SELECT issue_id, coalesce(local_id, issue_id) AS local_id, source, repository FROM farm.issues
    WHERE issue_id = ANY (CAST(:ids AS text[]))
    UNION ALL
    SELECT issue_id, local_id, source, repository FROM farm.issues
    WHERE local_id = ANY (CAST(:ids AS text[])) AND local_id <> issue_id""")


class IssueHolder(NamedTuple):
    """A stored issue that has a given id, in the farm or in its own repository."""

    issue_id: str
    local_id: str
    """The id that its own repository knows it by."""
    source: str
    """The file of the last import that named it."""
    repository: str | None
    """None: imported before repositories were recorded, or from outside of any."""


def issue_holders(connection: sa.Connection, ids: Collection[str]) -> list[IssueHolder]:
    """The stored issues that have one of these ids."""
    return rows_of(IssueHolder, connection.execute(_HOLDERS, {"ids": list(ids)}))
