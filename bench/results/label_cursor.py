"""Cursors of incremental exports: a position in the sequence of closed cases, bound to its database and filter."""

import re
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from bench.errors import BenchError
from db.repositories.label_positions import LabelPositions
from planner.canonical import sha256_json
from planner.system.clock import rfc3339
from planner.system.foreign_text import visible_line

START: Final = "start"
"""The cursor before the first case."""
_FORM: Final = re.compile(r"c1-(\d{1,18})-([0-9a-f]{16})")


def cursor_at(engine: sa.Engine, position: int, bench_ids: Sequence[str] | None) -> str:
    """The cursor after the case at `position`, of an export of `bench_ids` (None: all benches)."""
    entry = LabelPositions(engine).at(position)
    known = None if entry is None else (entry.bench_id, entry.issue_id, rfc3339(entry.assigned_at))
    filtered = None if bench_ids is None else sorted(set(bench_ids))
    return f"c1-{position}-{sha256_json([position, known, filtered])[:16]}"


def position_of(engine: sa.Engine, cursor: str, bench_ids: Sequence[str] | None) -> int:
    """The position of a cursor.

    Raises `BenchError` where it is no cursor, or is of another database (also of one that an older backup replaced)
    or of other benches.
    """
    if cursor == START:
        return 0
    match = _FORM.fullmatch(cursor)
    if match is None:
        raise BenchError(
            f"--since {visible_line(cursor)!r} is no cursor; take the one that the last export printed, or `{START}`"
        )
    position = int(match[1])
    if cursor_at(engine, position, bench_ids) != cursor:
        raise BenchError(
            f"the cursor {cursor} is of another database, or of an export with other --bench; begin a new directory "
            f"with --since {START}"
        )
    return position
