"""One import into the backlog: compared with what is stored, then written, in one transaction."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from db.engine import transaction

Json = dict[str, Any]
# One statement takes so many issues: few round trips, and no message that fills the memory.
_AT_ONCE = 5_000
_STORED = sa.text("""
    SELECT issue_id, i.source,
           CASE WHEN i.document <> CAST(given.document AS jsonb) THEN i.document END AS document
    FROM unnest(CAST(:ids AS text[]), CAST(:documents AS text[])) AS given (issue_id, document)
    JOIN farm.issues i USING (issue_id)""")
_WRITE = sa.text("""
    INSERT INTO farm.issues (issue_id, source, document)
    SELECT issue_id, :source, CAST(document AS jsonb)
    FROM unnest(CAST(:ids AS text[]), CAST(:documents AS text[])) AS given (issue_id, document)
    ON CONFLICT (issue_id) DO UPDATE
    SET source = EXCLUDED.source, document = EXCLUDED.document,
        -- Waiting counts from here: an import that changes nothing starts nothing anew.
        imported_at = CASE WHEN issues.document = EXCLUDED.document THEN issues.imported_at ELSE now() END""")
_MOVE = sa.text("UPDATE farm.issues SET source = :source WHERE issue_id = ANY (:ids) AND source <> :source")
_LEFT = sa.text("""
    SELECT issue_id, document FROM farm.issues i
    WHERE source = :source AND document ->> 'status' <> ALL (CAST(:closed AS text[]))
      AND NOT EXISTS (SELECT FROM unnest(CAST(:ids AS text[])) AS given (issue_id) WHERE given.issue_id = i.issue_id)
    ORDER BY issue_id""")


@dataclass(frozen=True, slots=True)
class StoredIssue:
    """An issue as it is stored beside one that is given."""

    source: str
    document: Json | None
    """None where it equals the one that is given."""


@contextmanager
def importing(engine: sa.Engine, source: str) -> Iterator["BacklogImport"]:
    """An import from a source: all of it is stored, or nothing. Imports wait for each other; readers do not."""
    with transaction(engine) as connection:
        connection.execute(sa.text("LOCK TABLE farm.issues IN SHARE ROW EXCLUSIVE MODE"))
        yield BacklogImport(connection, source)


class BacklogImport:
    """What an import asks and writes while no other one writes."""

    def __init__(self, connection: sa.Connection, source: str) -> None:
        self._connection = connection
        self._source = source

    def stored(self, documents: Mapping[str, Json]) -> dict[str, StoredIssue]:
        """Of the given documents, by id, those whose id is stored."""
        found = {}
        for part in _parts(documents):
            for row in self._connection.execute(_STORED, part):
                found[row.issue_id] = StoredIssue(row.source, row.document)
        return found

    def write(self, documents: Mapping[str, Json]) -> None:
        """Store the documents in place of what is stored of the same ids; the source is this import's."""
        for part in _parts(documents):
            self._connection.execute(_WRITE, {**part, "source": self._source})

    def move(self, issue_ids: Collection[str]) -> None:
        """Say of issues that are as they were that this import's source was the last to name them."""
        self._connection.execute(_MOVE, {"ids": list(issue_ids), "source": self._source})

    def left(self, issue_ids: Collection[str], closed: Collection[str]) -> dict[str, Json]:
        """The documents of this source, by id, of other ids than these and in none of the statuses `closed`."""
        values = {"ids": list(issue_ids), "source": self._source, "closed": list(closed)}
        return {row.issue_id: row.document for row in self._connection.execute(_LEFT, values)}


def _parts(documents: Mapping[str, Json]) -> Iterator[dict[str, list[str]]]:
    waiting = iter(documents.items())
    while part := list(islice(waiting, _AT_ONCE)):
        yield {"ids": [issue_id for issue_id, _ in part], "documents": [_jsonb(d) for _, d in part]}


def _jsonb(document: Json) -> str:
    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace").decode()
    return text.replace("\\u0000", "\\ufffd")
