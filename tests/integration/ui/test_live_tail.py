"""The live tail of a page, and the fingerprints that tell pages to reload, read as bench_reader."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sse_starlette import ServerSentEvent

from bench.ui.live import LiveChanges
from bench.ui.pages.execution_files import _events
from bench.ui.report_cache import ReportCache
from db.repositories.live_output import LiveOutputs, NewOutput
from db.repositories.page_changes import fingerprint
from tests.fixtures.lease_scenarios import beat, complete
from tests.fixtures.rows import case_ids, running_bench


async def _next(stream: AsyncIterator[ServerSentEvent]) -> ServerSentEvent:
    return await anext(stream)


def test_a_reader_follows_a_running_execution_to_its_end(engine: sa.Engine, page_reader: sa.Engine) -> None:
    _, lease = running_bench(engine)
    changes = LiveChanges(page_reader, ReportCache(page_reader))
    request: Any = SimpleNamespace(
        app=SimpleNamespace(state=SimpleNamespace(engine=page_reader, live=changes))
    )
    sent = [b"one <b>\x1b[2J\n", b"two\n"]
    received: list[tuple[str | None, str]] = []

    async def read() -> None:
        stream = _events(request, lease.execution, None)
        reading = asyncio.create_task(_next(stream))
        while beat(engine, lease) != "send_output":
            await asyncio.sleep(0)
        assert (
            LiveOutputs(engine).send(*lease.key, [NewOutput(0, "round-1.stdout", 0, 0, sent[0])]) == "wanted"
        )
        event = await reading
        received.append((event.event, str(event.data)))
        LiveOutputs(engine).send(*lease.key, [NewOutput(0, "round-1.stdout", len(sent[0]), 0, sent[1])])
        event = await anext(stream)
        received.append((event.event, str(event.data)))
        complete(engine, lease)
        async for event in stream:
            received.append((event.event, str(event.data)))

    asyncio.run(asyncio.wait_for(read(), 60))
    assert received == [
        (
            "output",
            f"<span>==&gt; x{lease.execution}-a1-c0 round-1.stdout &lt;==\none &lt;b&gt;\\x1b[2J\n</span>",
        ),
        ("output", "<span>two\n</span>"),
        ("ended", "ended"),
    ]


@pytest.mark.parametrize("topic", ["bench", "case", "execution", "farm"])
def test_a_fingerprint_differs_when_an_execution_ends(
    engine: sa.Engine, page_reader: sa.Engine, topic: str
) -> None:
    bench, lease = running_bench(engine, cases=2)
    key = {"bench": bench, "case": str(case_ids(engine, bench)[0]), "execution": str(lease.execution)}
    before = fingerprint(page_reader, topic, key.get(topic, ""))
    assert before
    assert fingerprint(page_reader, topic, key.get(topic, "")) == before
    complete(engine, lease)
    assert fingerprint(page_reader, topic, key.get(topic, "")) != before


def test_the_fingerprint_of_an_execution_differs_with_each_piece_of_output(
    engine: sa.Engine, page_reader: sa.Engine
) -> None:
    _, lease = running_bench(engine)
    LiveOutputs(page_reader).follow(lease.execution, 30)
    states = [fingerprint(page_reader, "execution", str(lease.execution))]
    for position in range(3):
        LiveOutputs(engine).send(*lease.key, [NewOutput(0, "log", position, 0, b"x")])
        states.append(fingerprint(page_reader, "execution", str(lease.execution)))
    assert len(set(states)) == 4


@pytest.mark.parametrize(("topic", "key"), [("bench", "b-none"), ("case", "9"), ("execution", "9")])
def test_what_does_not_exist_has_an_empty_fingerprint(page_reader: sa.Engine, topic: str, key: str) -> None:
    assert fingerprint(page_reader, topic, key) == ""
