"""Live output in the database: only of followed executions, under the lease's token, and nothing after the end."""

from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from db.repositories.leases import Leases
from db.repositories.live_output import LiveOutputs, NewOutput
from db.repositories.ticks import Ticks
from tests.fixtures.lease_scenarios import beat, complete
from tests.fixtures.rows import Lease, claim, expire, result, row, running_bench

CHUNK = NewOutput(0, "round-1.stdout", 0, 0, b"first\n")


def stored(engine: sa.Engine) -> int:
    rows: int = row(engine, "SELECT count(*) AS n FROM farm.live_output")["n"]
    return rows


def send(engine: sa.Engine, lease: Lease, *chunks: NewOutput) -> str:
    return LiveOutputs(engine).send(*lease.key, chunks)


def test_a_heartbeat_asks_for_output_only_while_somebody_follows(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    live = LiveOutputs(engine)
    assert (beat(engine, lease), send(engine, lease, CHUNK), stored(engine)) == ("go_on", "unwanted", 0)
    assert live.follow(lease.execution, 30) == "running"
    assert beat(engine, lease) == "send_output"
    assert send(engine, lease, CHUNK) == "wanted"
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.followed SET wanted_until = now() - interval '1 second'"))
    assert (beat(engine, lease), send(engine, lease, CHUNK)) == ("go_on", "unwanted")
    assert live.follow(10**9, 30) is None


def test_a_send_that_is_repeated_stores_its_chunk_once(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    live = LiveOutputs(engine)
    live.follow(lease.execution, 30)
    more = NewOutput(0, "round-1.stdout", 6, 0, b"\x00\xff")
    for _ in range(2):
        assert send(engine, lease, CHUNK, more) == "wanted"
    chunks = live.after(lease.execution, 0)
    assert [chunk.body for chunk in chunks] == [b"first\n", b"\x00\xff"]
    assert [chunk.body for chunk in live.after(lease.execution, chunks[0].chunk_no)] == [b"\x00\xff"]


@pytest.mark.parametrize("ending", ["complete", "release", "lose"])
def test_the_end_of_the_attempt_deletes_its_output_and_fences_the_rest(
    engine: sa.Engine, ending: str
) -> None:
    _, lease = running_bench(engine)
    LiveOutputs(engine).follow(lease.execution, 30)
    assert send(engine, lease, CHUNK) == "wanted"
    assert send(engine, Lease(lease.execution, lease.attempt, uuid4(), {}), CHUNK) == "fenced"
    if ending == "complete":
        complete(engine, lease)
    elif ending == "release":
        Leases(engine).release(*lease.key, result())
    else:
        expire(engine, lease.execution)
        assert Ticks(engine).reap() == 1
    assert stored(engine) == 0
    assert send(engine, lease, CHUNK) == "fenced"
    assert stored(engine) == 0


def test_the_next_attempt_of_a_followed_execution_is_followed(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    LiveOutputs(engine).follow(lease.execution, 30)
    Leases(engine).release(*lease.key, result())
    again = claim(engine)
    assert again.execution == lease.execution
    assert beat(engine, again) == "send_output"


def test_chunks_older_than_a_minute_are_deleted_by_the_next_send(engine: sa.Engine) -> None:
    _, lease = running_bench(engine)
    LiveOutputs(engine).follow(lease.execution, 30)
    send(engine, lease, CHUNK)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.live_output SET sent_at = now() - interval '61 seconds'"))
    send(engine, lease, NewOutput(0, "round-1.stdout", 6, 0, b"second\n"))
    assert [chunk.body for chunk in LiveOutputs(engine).after(lease.execution, 0)] == [b"second\n"]


@pytest.mark.parametrize(
    "chunk",
    [
        NewOutput(0, "log", 0, 0, b"x" * (64 * 1024 + 1)),
        NewOutput(0, "../log", 0, 0, b"x"),
        NewOutput(-1, "log", 0, 0, b"x"),
        NewOutput(0, "log", -1, 0, b"x"),
    ],
)
def test_a_forged_chunk_is_refused(engine: sa.Engine, chunk: NewOutput) -> None:
    _, lease = running_bench(engine)
    LiveOutputs(engine).follow(lease.execution, 30)
    with pytest.raises(DBAPIError, match="the output is refused"):
        send(engine, lease, chunk)
    assert stored(engine) == 0
