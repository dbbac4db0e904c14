"""Sizes of the patches of a case: what the chosen candidate of each execution changed."""

from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from db.rows import read_rows

_OF_CASE: Final = sa.text("""
    SELECT o.execution_id, o.attempt, o.chosen AS candidate,
           jsonb_build_object('diff_lines', k.document -> 'diff_lines',
                              'files_modified', k.document -> 'files_modified') AS document
    FROM farm.executions e
    JOIN farm.outcomes o USING (execution_id)
    JOIN farm.candidates k ON k.execution_id = o.execution_id AND k.attempt = o.attempt AND k.candidate = o.chosen
    WHERE e.case_id = :case ORDER BY o.execution_id""")


class PatchSize(NamedTuple):
    """The chosen candidate of an execution; `document` has its `diff_lines` and `files_modified` as reported."""

    execution_id: int
    attempt: int
    candidate: int
    document: dict[str, Any]


def patch_sizes(engine: sa.Engine, case_id: int) -> list[PatchSize]:
    """The chosen candidates of the scored executions of a case."""
    return read_rows(engine, PatchSize, _OF_CASE, {"case": case_id})
