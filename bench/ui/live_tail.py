"""The end of the live output of a running execution."""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
from rich.console import RenderableType

from bench.inspection.execution import ExecutionRecord
from bench.terminal import styled, verbatim
from db.repositories.live_output import LiveOutputs
from db.states import ExecutionState

_LINES: Final = 200


def tail_parts(engine: sa.Engine, record: ExecutionRecord) -> Iterator[RenderableType]:
    """The last lines of each log that workers sent within the last minute; empty unless the execution runs."""
    if record.facts.state != ExecutionState.RUNNING:
        return
    texts: dict[tuple[int, int, str], bytes] = {}
    for chunk in LiveOutputs(engine).after(record.facts.execution_id, 0):
        key = (chunk.attempt, chunk.candidate, chunk.name)
        texts[key] = texts.get(key, b"") + chunk.body
    for (attempt, candidate, name), body in texts.items():
        yield styled((f"{record.name}-a{attempt}-c{candidate} {name}", "bold"))
        yield verbatim("\n".join(body.decode("utf-8", "replace").splitlines()[-_LINES:]))
    if not texts:
        yield "waiting for the worker's next heartbeat, every 20 seconds by default"
