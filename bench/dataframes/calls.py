"""Metered model calls as an Arrow table: read from the stored transcripts of candidates, one file at a time."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from bench.results.artifacts import read_artifact
from bench.results.model_calls import MeteredCall, conversation_calls, transcript_calls
from db.repositories.call_files import CallFileRow, CallFiles
from workers.conversation.store import FILE as CONVERSATION
from workers.conversation.store import TRANSCRIPT

_BATCH_ROWS: Final = 2_000
_OF_CANDIDATE: Final = (
    *(
        ("execution_id", pa.int64()),
        ("bench_id", pa.string()),
        ("case_id", pa.int64()),
        ("issue_id", pa.string()),
    ),
    *(("arm_id", pa.int64()), ("attempt", pa.int64()), ("candidate", pa.int64()), ("is_chosen", pa.bool_())),
)
_TYPES: Final[dict[str, pa.DataType]] = {
    "called_at": pa.timestamp("us", tz="UTC"),
    **dict.fromkeys(("provider", "model", "error"), pa.string()),
    **dict.fromkeys(("is_upper_bound", "is_cut", "is_refused"), pa.bool_()),
}
SCHEMA: Final = pa.schema(
    [
        *_OF_CANDIDATE,
        *((name, _TYPES.get(name, pa.int64())) for name in MeteredCall._fields),
        ("usd", pa.float64()),
        ("read_from", pa.string()),
    ]
)
"""The columns of the table."""


def read_calls(engine: sa.Engine, bench_id: str | None = None) -> pa.Table:
    """The metered calls of all candidates, of one bench where it is given, by execution, attempt, candidate and number.

    Warns of candidates whose files are no longer stored: their calls are missing. Raises `FailureError` where a file
    is damaged, or its object store cannot be read.
    """
    return pa.Table.from_batches(_batches(_rows(engine, bench_id)), SCHEMA)


def _rows(engine: sa.Engine, bench_id: str | None) -> Iterator[dict[str, Any]]:
    missing = 0
    for file in _files(engine, bench_id):
        artifact = file.artifact
        if artifact is None:
            missing += 1
            continue
        label = f"{artifact.name} of x{file.execution_id}-a{file.attempt}-c{file.candidate}"
        data = read_artifact(engine, artifact)
        is_transcript = artifact.name == TRANSCRIPT
        calls = (transcript_calls if is_transcript else conversation_calls)(data, label)
        about = {name: getattr(file, name) for name, _ in _OF_CANDIDATE}
        for call in calls:
            usd = None if call.micro_usd is None else call.micro_usd / 1e6
            source = "transcript" if is_transcript else "conversation"
            yield {**about, **call._asdict(), "usd": usd, "read_from": source}
    if missing:
        warnings.warn(
            f"the calls of {missing} candidates are missing: neither transcript nor conversation is stored any more",
            stacklevel=2,
        )


def _files(engine: sa.Engine, bench_id: str | None) -> Iterator[CallFileRow]:
    files = CallFiles(engine, TRANSCRIPT, CONVERSATION)
    page = files.page(bench_id)
    while page:
        yield from page
        page = files.page(bench_id, page[-1])


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH_ROWS:
            yield pa.RecordBatch.from_pylist(batch, SCHEMA)
            batch = []
    if batch:
        yield pa.RecordBatch.from_pylist(batch, SCHEMA)
