"""Metered calls as data frames: from transcripts, else from conversations, read by a login that can only read."""

import gzip
import json
from collections.abc import Iterator
from typing import assert_type

import pandas as pd
import polars as pl
import pytest
import sqlalchemy as sa

from bench.errors import FailureError
from bench.frames import calls
from bench.results.model_calls import transcript_calls
from db.repositories.call_files import CallFiles
from tests.fixtures.logins import logged_in
from tests.fixtures.rows import case_ids, make_bench
from tests.fixtures.stored_calls import RECORDED, recorded_transcript, store_file
from workers.conversation.store import FILE as CONVERSATION
from workers.conversation.store import TRANSCRIPT, conversation_of, packed
from workers.gateway.transcript import read


@pytest.fixture
def reader_url(engine: sa.Engine) -> Iterator[str]:
    """The URL of a login that can only read."""
    with logged_in(engine, "bench_reader") as reader:
        yield reader.url.render_as_string(hide_password=False)


@pytest.fixture
def bench(engine: sa.Engine) -> str:
    return make_bench(engine, cases=2, arms=2)


def executions(engine: sa.Engine, bench: str) -> list[int]:
    """The executions of arms of a bench."""
    statement = (
        "SELECT execution_id FROM farm.executions WHERE bench_id = :bench AND arm_id IS NOT NULL ORDER BY 1"
    )
    with engine.connect() as connection:
        return list(connection.scalars(sa.text(statement), {"bench": bench}))


def recorded_conversation(program: str) -> bytes:
    return packed(conversation_of(program, [], read(RECORDED / f"transcript-{program}.jsonl")), ())


def test_both_backends_have_every_call_of_the_transcripts(
    engine: sa.Engine, reader_url: str, bench: str
) -> None:
    first, second, *_ = executions(engine, bench)
    bodies = {(first, 0): "mini-fix", (first, 1): "claude-429", (second, 0): "claude-sub"}
    expected = []
    for (execution, candidate), program in bodies.items():
        body = recorded_transcript(program)
        store_file(engine, execution, TRANSCRIPT, body, candidate)
        store_file(engine, execution, CONVERSATION, recorded_conversation(program), candidate)
        expected += [(execution, candidate, call) for call in transcript_calls(body, program)]
    in_pandas = calls(bench, source=reader_url)
    in_polars = assert_type(calls(bench, source=reader_url, backend="polars"), pl.DataFrame)
    assert list(in_pandas.columns) == in_polars.columns
    for row, (execution, candidate, call) in zip(in_polars.to_dicts(), expected, strict=True):
        assert (row["execution_id"], row["attempt"], row["candidate"]) == (execution, 1, candidate)
        assert {name: row[name] for name in call._fields} == call._asdict()
        assert row["usd"] == (None if call.micro_usd is None else call.micro_usd / 1e6)
        assert (row["bench_id"], row["read_from"], row["is_chosen"]) == (bench, "transcript", False)
        assert row["case_id"] in case_ids(engine, bench)
    assert in_pandas["micro_usd"].sum() == in_polars["micro_usd"].sum() > 0
    assert in_pandas["micro_usd"].isna().sum() == in_polars["micro_usd"].null_count() == 2
    assert in_pandas["called_at"].tolist() == in_polars["called_at"].to_list()


def test_types_are_the_same_with_and_without_calls(engine: sa.Engine, reader_url: str, bench: str) -> None:
    empty, no_rows = calls(source=reader_url), calls(source=reader_url, backend="polars")
    store_file(engine, executions(engine, bench)[0], TRANSCRIPT, recorded_transcript("mini-fix"))
    filled = calls(source=reader_url)
    assert (len(empty), len(filled)) == (0, 2)
    pd.testing.assert_series_equal(empty.dtypes, filled.dtypes)
    assert no_rows.schema == calls(source=reader_url, backend="polars").schema
    assert (str(filled.dtypes["duration_ms"]), str(filled.dtypes["is_cut"])) == ("Int64", "boolean")
    assert no_rows.schema["called_at"] == pl.Datetime("us", "UTC")


def test_a_conversation_takes_the_place_of_a_transcript_that_is_not_stored(
    engine: sa.Engine, reader_url: str, bench: str
) -> None:
    first, second, third, unmetered = executions(engine, bench)
    conversation = recorded_conversation("claude-sub")
    for execution in (first, second):
        store_file(engine, execution, CONVERSATION, conversation)
    store_file(engine, first, TRANSCRIPT, None)
    store_file(engine, second, TRANSCRIPT, recorded_transcript("claude-sub"))
    store_file(engine, third, TRANSCRIPT, None)
    store_file(engine, unmetered, CONVERSATION, conversation)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE farm.artifacts SET pruned_at = now(), blob = NULL WHERE execution_id = :e AND name = :name"
            ),
            {"e": second, "name": TRANSCRIPT},
        )
    with pytest.warns(UserWarning, match="calls of 1 candidates are missing"):
        frame = calls(bench, source=reader_url, backend="polars")
    assert frame["execution_id"].unique(maintain_order=True).to_list() == [first, second]
    assert set(frame["read_from"]) == {"conversation"}
    assert frame["micro_usd"].sum() == 2 * sum(
        call.micro_usd for call in transcript_calls(recorded_transcript("claude-sub"), "it")
    )
    assert frame["status"].null_count() == frame.height


def test_a_damaged_transcript_is_named(engine: sa.Engine, reader_url: str, bench: str) -> None:
    execution = executions(engine, bench)[0]
    store_file(engine, execution, TRANSCRIPT, gzip.compress(b"{}" * 100)[:-9])
    with pytest.raises(FailureError, match=rf"transcript\.jsonl\.gz of x{execution}-a1-c0 is damaged"):
        calls(bench, source=reader_url)


def test_pages_have_each_candidate_once_and_a_bench_its_own(engine: sa.Engine, bench: str) -> None:
    other = make_bench(engine, cases=1, arms=1)
    body = gzip.compress(json.dumps({"n": 0}).encode())
    keys = [(each, candidate) for each in executions(engine, bench) for candidate in range(3)]
    for execution, candidate in [*keys, (executions(engine, other)[0], 0)]:
        store_file(engine, execution, TRANSCRIPT, body, candidate)
    files = CallFiles(engine, TRANSCRIPT, CONVERSATION)
    rows, page = [], files.page(bench, most=5)
    while page:
        rows += page
        page = files.page(bench, page[-1], most=5)
    assert [(row.execution_id, row.candidate) for row in rows] == keys
    assert len(files.page(None)) == len(keys) + 1
