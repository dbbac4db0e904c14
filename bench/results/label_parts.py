"""Incremental exports of outcomes: a directory of immutable Parquet parts, each from one cursor to the next."""

import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from bench.errors import BenchError, FailureError
from bench.results.judgements import Judgements
from bench.results.label_card import CARD, card_text, is_replaceable
from bench.results.label_cursor import cursor_at, position_of
from bench.results.outcome_table import CURSOR_KEY, OutcomeTable, outcome_table
from db.engine import is_transient
from db.repositories.benches import Benches
from db.repositories.label_positions import LabelPositions
from planner.dataset.outcome_columns import OUTCOMES_FILE, PARTS, PARTS_DIRECTORY
from planner.system.atomic import remove_drafts, write_atomic
from planner.system.progress import ProgressReporter, no_progress

Json = dict[str, Any]
_NAME: Final = re.compile(r"part-(\d{12})-(\d{12})\.parquet")


class LabelPart(NamedTuple):
    """A part: the outcomes of the cases after one position, through another."""

    path: Path
    after: int
    through: int


def export_since(
    engine: sa.Engine,
    directory: Path,
    since: str | None,
    bench_ids: Sequence[str] | None,
    progress: ProgressReporter = no_progress,
) -> Json:
    """Append the outcomes of cases that closed since a cursor as one new part; atomic and idempotent.

    `since` None continues after the last part of `directory`, or begins where it has none. What the directory has
    already is not written again. No part is written where no case has closed.

    Returns counts, the path of the part (None: nothing new) and the next cursor. Raises `BenchError` for a cursor of
    another database or filter and for a directory of something else, `DbError` where a bench does not exist, and
    `FailureError` where writing fails.
    """
    for bench_id in bench_ids or ():
        Benches(engine).get(bench_id)
    after = None if since is None else position_of(engine, since, bench_ids)
    _refuse_whole_export(directory)
    try:
        with _locked(directory):
            return _append(engine, directory, after, bench_ids, progress)
    except OSError as error:
        raise FailureError(f"cannot write labels to {directory}: {error.strerror or error}") from error


def watch_labels(
    engine: sa.Engine,
    directory: Path,
    bench_ids: Sequence[str] | None,
    stop: threading.Event,
    seconds: float,
    note: Callable[[str], None],
) -> None:
    """Append parts to `directory` as cases close, until `stop` is set; a lost connection is tried again.

    Raises what `export_since` raises.
    """
    while not stop.is_set():
        try:
            header = export_since(engine, directory, None, bench_ids)
        except DBAPIError as error:
            if not is_transient(error):
                raise
            note("the database cannot be reached; trying again")
        else:
            if header["part"] is not None:
                note(
                    f"{header['outcome_count']} outcomes of {header['outcome_case_count']} cases in {header['part']}; "
                    f"next cursor {header['next_cursor']}"
                )
        stop.wait(seconds)


def parts_in(directory: Path) -> list[LabelPart]:
    """The parts of an incremental export, in order.

    Raises `BenchError` where two overlap: rows would count twice.
    """
    parts = sorted(
        LabelPart(path, int(match[1]), int(match[2]))
        for path in (directory / PARTS_DIRECTORY).glob(PARTS)
        if (match := _NAME.fullmatch(path.name))
    )
    for earlier, later in pairwise(parts):
        if later.after < earlier.through:
            raise BenchError(
                f"{later.path} repeats rows of {earlier.path.name}; remove one of them, or name a new directory"
            )
    return parts


def _append(
    engine: sa.Engine,
    directory: Path,
    after: int | None,
    bench_ids: Sequence[str] | None,
    progress: ProgressReporter,
) -> Json:
    known = parts_in(directory)
    begin = _begin(engine, known, after, bench_ids)
    positions = LabelPositions(engine)
    through = positions.advance()
    entries = positions.between(begin, through)
    if bench_ids is not None:
        entries = [entry for entry in entries if entry.bench_id in bench_ids]
    next_cursor = cursor_at(engine, through, bench_ids)
    made, part = OutcomeTable(), None
    if entries:
        made = outcome_table(engine, entries, next_cursor, Judgements(engine), progress)
        part = directory / PARTS_DIRECTORY / f"part-{begin:012d}-{through:012d}.parquet"
        write_atomic(part, made.data, durable=True, replace=False)
    if is_replaceable(directory / CARD):
        write_atomic(directory / CARD, card_text(in_parts=True))
    return {
        "query": {"benches": sorted(bench_ids) if bench_ids else "all"},
        "part": None if part is None else str(part),
        **made.document(),
        "next_cursor": next_cursor,
    }


def _begin(
    engine: sa.Engine, known: Sequence[LabelPart], after: int | None, bench_ids: Sequence[str] | None
) -> int:
    """The position after which the next part begins."""
    if not known:
        return after or 0
    last = known[-1]
    position_of(engine, _cursor_in(last.path), bench_ids)
    if after is not None and after < known[0].after:
        raise BenchError(
            f"{known[0].path} begins after this cursor; rows between them would be missing, so name a new directory"
        )
    if after is not None and _has_rows(engine, last.through, after, bench_ids):
        raise BenchError(
            f"{last.path} ends before this cursor; rows between them would be missing, so leave out --since or name a "
            "new directory"
        )
    return max(after or 0, last.through)


def _has_rows(engine: sa.Engine, after: int, through: int, bench_ids: Sequence[str] | None) -> bool:
    """Whether a case of these benches closed after one position, through another."""
    entries = LabelPositions(engine).between(after, through) if through > after else []
    return any(bench_ids is None or entry.bench_id in bench_ids for entry in entries)


def _cursor_in(part: Path) -> str:
    try:
        cursor = (pq.read_schema(part).metadata or {}).get(CURSOR_KEY)
    except (pa.ArrowException, OSError) as error:
        raise BenchError(
            f"{part}: not readable: {' '.join(str(error).split())}; name a new directory"
        ) from None
    if cursor is None:
        raise BenchError(f"{part} is not of bench labels: it has no cursor; name a new directory")
    return bytes(cursor).decode("ascii", errors="replace")


def _refuse_whole_export(directory: Path) -> None:
    if (directory / OUTCOMES_FILE).exists():
        raise BenchError(
            f"{directory} holds a whole export ({OUTCOMES_FILE}), whose rows the parts would repeat; "
            "name a new directory"
        )


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Exclusive file lock: one process at a time appends to `directory`. Drafts of killed ones are removed."""
    parts = directory / PARTS_DIRECTORY
    parts.mkdir(parents=True, exist_ok=True)
    handle = os.open(parts, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError(f"another bench labels writes to {directory}; name another directory") from None
        for draft in parts.glob(".part-*.draft-*"):
            with suppress(FileNotFoundError):
                draft.unlink()
        remove_drafts(directory / CARD)
        yield
    finally:
        os.close(handle)
