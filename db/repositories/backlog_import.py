"""One import into the backlog: compared with what is stored, then written, in one transaction."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from db.engine import transaction
from db.repositories.issue_identities import IssueHolder, issue_holders
from planner.system.progress import ProgressReporter, no_progress

Json = dict[str, Any]
# One statement takes so many issues: few round trips, and no message that fills the memory.
_AT_ONCE = 5_000
_KNOWN = sa.text("SELECT issue_id FROM farm.issues WHERE issue_id = ANY (CAST(:ids AS text[]))")
_STORED = sa.text("""
    SELECT i.issue_id, i.source, CASE WHEN i.document <> given.document THEN i.document END AS document
    FROM jsonb_array_elements(CAST(:documents AS jsonb)) AS given (document)
    JOIN farm.issues i ON i.issue_id = given.document ->> 'id'""")
_WRITE = sa.text("""
    INSERT INTO farm.issues (issue_id, source, document, repository)
    SELECT given.document ->> 'id', :source, given.document, :repository
    FROM jsonb_array_elements(CAST(:documents AS jsonb)) AS given (document)
    ON CONFLICT (issue_id) DO UPDATE
    SET source = EXCLUDED.source, document = EXCLUDED.document,
        repository = coalesce(EXCLUDED.repository, issues.repository),
        -- Waiting time counts from here: an unchanged issue keeps it, and one that only a write-back changed. Trackers
        -- set the times of a write-back themselves.
        imported_at = CASE WHEN issues.document = EXCLUDED.document OR EXISTS (
            SELECT FROM farm.write_backs w
            WHERE w.issue_id = issues.issue_id
              AND (w.document - 'updated') #- '{extra,closed_at}'
                = (EXCLUDED.document - 'updated') #- '{extra,closed_at}') THEN issues.imported_at ELSE now() END""")
_MOVE = sa.text("""
    UPDATE farm.issues SET source = :source, repository = coalesce(CAST(:repository AS text), repository)
    WHERE issue_id = ANY (CAST(:ids AS text[]))
      AND (source, repository) IS DISTINCT FROM (:source, coalesce(CAST(:repository AS text), repository))""")
_QUALIFY = sa.text("""
    UPDATE farm.issues i SET local_id = given.local_id
    FROM unnest(CAST(:ids AS text[]), CAST(:local_ids AS text[])) AS given (issue_id, local_id)
    WHERE i.issue_id = given.issue_id AND i.local_id IS DISTINCT FROM given.local_id""")
_LEFT = sa.text("""
    SELECT issue_id, document FROM farm.issues i
    WHERE source = :source AND document ->> 'status' <> ALL (CAST(:closed AS text[]))
      AND (CAST(:only_of AS text[]) IS NULL OR coalesce(repository, '') = ANY (CAST(:only_of AS text[])))
      AND NOT EXISTS (SELECT FROM unnest(CAST(:ids AS text[])) AS given (issue_id) WHERE given.issue_id = i.issue_id)
    ORDER BY issue_id""")


@dataclass(frozen=True, slots=True)
class StoredIssue:
    """A stored issue whose id an import has, too."""

    source: str
    document: Json | None
    """None where it equals the imported one."""


@contextmanager
def importing(engine: sa.Engine, source: str) -> Iterator["BacklogImport"]:
    """Import from `source` in one transaction. Imports run one after the other; readers do not wait."""
    with transaction(engine) as connection:
        connection.execute(sa.text("LOCK TABLE farm.issues IN SHARE UPDATE EXCLUSIVE MODE"))
        # A plan that was made while there were few issues would read all of them for every part of many.
        connection.execute(sa.text("SET LOCAL plan_cache_mode = force_custom_plan"))
        yield BacklogImport(connection, source)


class BacklogImport:
    """Queries and writes of one import, under a lock that excludes other imports."""

    def __init__(self, connection: sa.Connection, source: str) -> None:
        self._connection = connection
        self._source = source

    def stored(self, documents: Mapping[str, Json]) -> dict[str, StoredIssue]:
        """Of the given documents, by id, those whose id is stored."""
        ids = self._connection.scalars(_KNOWN, {"ids": list(documents)})
        known = {issue_id: documents[issue_id] for issue_id in ids}
        stored = {}
        for part in _parts(known):
            for row in self._connection.execute(_STORED, {"documents": part}):
                stored[row.issue_id] = StoredIssue(row.source, row.document)
        return stored

    def holders(self, ids: Collection[str]) -> list[IssueHolder]:
        """The stored issues that have one of these ids, in the farm or in their own repository."""
        return issue_holders(self._connection, ids)

    def write(
        self,
        documents: Mapping[str, Json],
        repositories: Mapping[str, str | None],
        progress: ProgressReporter = no_progress,
    ) -> None:
        """Insert or replace the documents by id, with the source of this import and the repository of each."""
        for repository, ids in _by_repository(documents, repositories):
            own = {issue_id: documents[issue_id] for issue_id in ids}
            for part in progress(_parts(own), "storing issues", -(-len(own) // _AT_ONCE)):
                values = {"documents": part, "source": self._source, "repository": repository}
                self._connection.execute(_WRITE, values)

    def move(self, issue_ids: Collection[str], repositories: Mapping[str, str | None]) -> None:
        """Record for unchanged issues that the source of this import named them last."""
        for repository, ids in _by_repository(issue_ids, repositories):
            self._connection.execute(_MOVE, {"ids": ids, "source": self._source, "repository": repository})

    def qualify(self, local_ids: Mapping[str, str]) -> None:
        """Record of issues with a qualified id which id they have in their own repository."""
        if local_ids:
            values = {"ids": list(local_ids), "local_ids": list(local_ids.values())}
            self._connection.execute(_QUALIFY, values)

    def left(
        self,
        issue_ids: Collection[str],
        closed: Collection[str],
        repositories: Collection[str | None] | None = None,
    ) -> dict[str, Json]:
        """The documents of this source, by id, of other ids than these and in none of the statuses `closed`.

        Where `repositories` are given, only theirs; None among them: of issues whose repository is not known.
        """
        only_of = None if repositories is None else [each or "" for each in repositories]
        values = {"ids": list(issue_ids), "source": self._source, "closed": list(closed), "only_of": only_of}
        return {row.issue_id: row.document for row in self._connection.execute(_LEFT, values)}


def _by_repository(
    issue_ids: Iterable[str], repositories: Mapping[str, str | None]
) -> list[tuple[str | None, list[str]]]:
    """The ids by repository; None: it is not known."""
    groups: dict[str | None, list[str]] = {}
    for issue_id in issue_ids:
        groups.setdefault(repositories.get(issue_id), []).append(issue_id)
    return list(groups.items())


def _parts(documents: Mapping[str, Json]) -> Iterator[str]:
    """The documents as JSON lists. A list of texts would cost far more: each quote in it is escaped once more."""
    waiting = iter(documents.values())
    while part := list(islice(waiting, _AT_ONCE)):
        text = json.dumps(part, ensure_ascii=False).encode("utf-8", "replace").decode()
        yield text.replace("\\u0000", "\\ufffd")
