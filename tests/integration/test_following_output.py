"""Live output in the database: only of followed executions, under the lease's token, and nothing after the end."""

from collections.abc import Callable
from hashlib import sha256
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from bench.errors import BenchError
from bench.inspection.follow import LogFollower
from bench.inspection.references import CandidateKey
from db.repositories.artifacts import IN_POSTGRES, Artifacts, NewArtifact
from db.repositories.leases import Leases
from db.repositories.live_output import LiveOutputs, NewOutput
from db.repositories.ticks import Ticks
from tests.fixtures.lease_scenarios import beat, complete
from tests.fixtures.rows import Lease, claim, expire, result, row, running_bench

LOG = "round-1.stdout"
CHUNK = NewOutput(0, LOG, 0, 0, b"first\n")


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


class Machine:
    """A worker that acts one step each time the follower waits."""

    def __init__(self, engine: sa.Engine, lease: Lease, steps: list[Callable[["Machine"], object]]) -> None:
        self.engine, self.lease, self.steps = engine, lease, iter(steps)

    def wait(self, _seconds: float) -> None:
        next(self.steps)(self)

    def send(self, text: bytes, position: int, left_out: int = 0) -> None:
        assert beat(self.engine, self.lease) == "send_output"
        assert send(self.engine, self.lease, NewOutput(0, LOG, position, left_out, text)) == "wanted"

    def lose(self) -> None:
        expire(self.engine, self.lease.execution)
        Ticks(self.engine).reap()
        self.lease = claim(self.engine)

    def complete(self, log: bytes) -> None:
        """Store the log as a worker does, then complete."""
        item = NewArtifact(
            0, f"logs/{LOG}", sha256(log).hexdigest(), "identity", len(log), len(log), 0, IN_POSTGRES
        )
        assert Artifacts(self.engine).store(*self.lease.key, [item], [log]) == "stored"
        complete(self.engine, self.lease)


def follow(
    engine: sa.Engine, *steps: Callable[[Machine], object], candidate: CandidateKey | None = None
) -> tuple[str, list[str]]:
    """What a follower prints of an execution that takes these steps, and its notes."""
    _, lease = running_bench(engine)
    printed: list[str] = []
    notes: list[str] = []
    follower = LogFollower(
        engine,
        lease.execution,
        candidate,
        printed.append,
        notes.append,
        Machine(engine, lease, [*steps]).wait,
    )
    assert follower.follow(None) == "done"
    return "".join(printed).replace(f"x{lease.execution}", "x"), notes


def test_a_follower_prints_what_arrives_and_the_rest_from_the_stored_log(engine: sa.Engine) -> None:
    printed, notes = follow(
        engine,
        lambda machine: machine.send(b"one\ntw\xc3", 0),
        lambda machine: machine.send(b"\xb6\n", 7),
        lambda machine: machine.complete(b"one\ntw\xc3\xb6\nthree"),
    )
    assert printed == f"==> x-a1-c0 {LOG} <==\none\ntwö\nthree\n"
    assert len(notes) == 1
    assert "next heartbeat" in notes[0]


def test_a_follower_stays_over_a_lost_attempt(engine: sa.Engine) -> None:
    printed, _ = follow(
        engine,
        lambda machine: machine.send(b"one\n", 0),
        Machine.lose,
        lambda machine: machine.send(b"again\n", 0),
        lambda machine: machine.complete(b"again\nend\n"),
    )
    assert printed == f"==> x-a1-c0 {LOG} <==\none\n==> x-a2-c0 {LOG} <==\nagain\nend\n"


def test_a_gap_is_marked_and_the_whole_log_is_named(engine: sa.Engine) -> None:
    printed, _ = follow(
        engine,
        lambda machine: machine.send(b"tail\n", 1000, 1000),
        lambda machine: machine.complete(b"x" * 1000 + b"tail\nend\n"),
    )
    _, gap, tail, whole, *_ = printed.split("\n")
    assert (gap, tail) == ("… 1000 bytes left out …", "tail")
    assert "printed in part; the whole: bench logs x-a1-c0" in whole


def test_only_the_named_candidate_is_printed(engine: sa.Engine) -> None:
    printed, _ = follow(
        engine,
        lambda machine: machine.send(b"one\n", 0),
        lambda machine: machine.complete(b"one\n"),
        candidate=CandidateKey(1, 1),
    )
    assert printed == ""


def test_an_execution_that_will_not_run_is_not_waited_for(engine: sa.Engine) -> None:
    bench, _ = running_bench(engine, cases=2)
    waiting = row(engine, "SELECT max(execution_id) AS id FROM farm.executions")["id"]
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE farm.benches SET state = 'halted'"))
    follower = LogFollower(
        engine, waiting, None, lambda _: None, lambda _: None, lambda _: pytest.fail("it waits")
    )
    with pytest.raises(BenchError, match=f"is ready, and {bench} is halted: .*bench resume {bench}"):
        follower.follow(None)
