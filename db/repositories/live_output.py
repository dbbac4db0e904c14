"""Live output of executions: asked for by followers, sent by workers under the fencing token of their lease."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple, cast
from uuid import UUID

import sqlalchemy as sa

from db.engine import call
from db.rows import read_first, read_rows
from db.states import BenchState, ExecutionState

SendAnswer = Literal["wanted", "unwanted", "fenced"]

_FOLLOW = sa.text("SELECT farm.follow_execution(:execution, :seconds)")
_SEND = sa.text(
    "SELECT farm.send_output(:execution, :attempt, :token, CAST(:items AS jsonb), CAST(:bodies AS bytea[]))"
)
_CLOSED = sa.text("""
    SELECT b.bench_id, b.state FROM farm.executions e JOIN farm.benches b ON b.bench_id = e.bench_id
    WHERE e.execution_id = :execution AND b.state <> 'open'""")
_STATE = sa.text("SELECT state FROM farm.executions WHERE execution_id = :execution")
_AFTER = sa.text("""
    SELECT chunk_no, attempt, candidate, name, position, left_out, body
    FROM farm.live_output WHERE execution_id = :execution AND chunk_no > :after ORDER BY chunk_no""")


@dataclass(frozen=True)
class NewOutput:
    """New bytes of one log of a candidate."""

    candidate: int
    name: str
    position: int
    """Bytes of the file before it."""
    left_out: int
    """Bytes before it that were not sent."""
    body: bytes


class OutputChunk(NamedTuple):
    """New bytes of one log, as a follower reads them."""

    chunk_no: int
    attempt: int
    candidate: int
    name: str
    position: int
    left_out: int
    body: bytes


class ClosedBench(NamedTuple):
    """A bench in which nothing starts unless it is resumed."""

    bench_id: str
    state: BenchState


class LiveOutputs:
    """Live output in the database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def follow(self, execution: int, seconds: float) -> ExecutionState | None:
        """Ask for the output of an execution for the next `seconds`; returns its state, None where there is none."""
        state = call(self._engine, _FOLLOW, {"execution": execution, "seconds": seconds})
        return None if state is None else ExecutionState(state)

    def state(self, execution: int) -> ExecutionState:
        """The state of an execution that exists."""
        return ExecutionState(call(self._engine, _STATE, {"execution": execution}))

    def closed_bench(self, execution: int) -> ClosedBench | None:
        """The bench of an execution where nothing starts any more: halted, cancelled or finished."""
        return read_first(self._engine, ClosedBench, _CLOSED, {"execution": execution})

    def after(self, execution: int, chunk_no: int) -> list[OutputChunk]:
        """The chunks of an execution after `chunk_no`, in the order in which they were stored."""
        return read_rows(self._engine, OutputChunk, _AFTER, {"execution": execution, "after": chunk_no})

    def send(self, execution: int, attempt: int, token: UUID, chunks: Sequence[NewOutput]) -> SendAnswer:
        """Store new output of an attempt, together at most 64 KiB; idempotent. Returns whether more is wanted."""
        items = [{key: value for key, value in asdict(chunk).items() if key != "body"} for chunk in chunks]
        values = {
            "execution": execution,
            "attempt": attempt,
            "token": token,
            "items": json.dumps(items),
            "bodies": [chunk.body for chunk in chunks],
        }
        return cast(SendAnswer, call(self._engine, _SEND, values))
