"""What a hostile candidate tries at its door: to spend past the budget, to spoil records, to use up the worker."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.integration.gateway.conftest import OpenDoorFor, OpenedDoor
from tests.unit.workers.gateway.scripted.scripted_clients import CLIENTS, Client
from workers.conversation.store import conversation_of
from workers.gateway.transcript import read

ANTHROPIC = next(each for each in CLIENTS if each.name == "anthropic")
CHAT = next(each for each in CLIENTS if each.name == "chat")
GEMINI = next(each for each in CLIENTS if each.name == "gemini")


def post(opened: OpenedDoor, path: str, body: Any, headers: dict[str, str] | None = None) -> int:
    """The status of a request with the door's token."""

    async def ask() -> int:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{opened.door.port}{path}"
            bearer = {"authorization": f"Bearer {opened.token}", **(headers or {})}
            async with session.post(url, json=body, headers=bearer) as response:
                await response.read()
                return response.status

    return asyncio.run(ask())


def send_and_vanish(opened: OpenedDoor, client: Client, path: str, times: int) -> None:
    """Send calls and break each connection before its answer."""

    async def one(number: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", opened.door.port)
        data = json.dumps(client.body(f"p{number}", 1000, 0)).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            f"authorization: Bearer {opened.token}\r\ncontent-length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        await writer.drain()
        await asyncio.sleep(0.05)  # it is read, and not answered yet
        writer.transport.abort()

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(times)))

    asyncio.run(all_of_them())


def test_calls_that_outlive_their_program_are_in_the_bill_of_its_round(open_door: OpenDoorFor) -> None:
    with open_door("success") as opened:
        send_and_vanish(opened, CHAT, "/openai/v1/chat/completions", 12)
        bill = opened.bill()
        assert bill.held_micro_usd == 0
        assert bill.micro_usd == opened.served_micro_usd()
        assert bill.calls == len(opened.served())


def test_nothing_is_forwarded_between_rounds(open_door: OpenDoorFor) -> None:
    with open_door("success") as opened:
        opened.bill()  # the round is over
        path = "/openai/v1/chat/completions"
        assert post(opened, path, CHAT.body("x", 100, 0)) == 429
        assert opened.served() == []
        opened.door.begin_round()
        assert post(opened, path, CHAT.body("x", 100, 0)) == 200


@pytest.mark.parametrize("count", [-100_000, 0, "8", 8.0])
def test_no_count_of_answers_widens_the_budget(open_door: OpenDoorFor, count: Any) -> None:
    with open_door("success", budget=100_000) as opened:
        body = {**CHAT.body("x", 1000, 0), "n": count}
        assert post(opened, "/openai/v1/chat/completions", body) == 400
        assert opened.bill().held_micro_usd == 0
        assert opened.served() == []


def test_a_masked_response_is_charged_as_one_without_usage(open_door: OpenDoorFor) -> None:
    with open_door("success") as opened:
        path = "/gemini/v1beta/models/gemini-2.5-pro:generateContent?fields=candidates/content&alt=json"
        assert post(opened, path, GEMINI.body("x", 1000, 0)) == 200
        bill = opened.bill()
        assert (bill.micro_usd, bill.upper_bound) == (opened.served_micro_usd(), False)
        assert "fields" not in opened.served()[0].path


@pytest.mark.parametrize(
    "extra",
    [
        {"messages": [{"$ref": {"call": 99, "count": 1}}]},
        {"system": {"$same": 99}},
        {"same": {"system": 7}, "begins": {"call": 7, "count": 1}, "kind": "chat", "n": 1},
        {"messages": "text"},
        {"messages": [None, 3, {"content": {"content": [[[]]]}}]},
    ],
)
def test_no_request_spoils_the_transcript_or_the_conversation(
    open_door: OpenDoorFor, extra: dict[str, Any]
) -> None:
    with open_door("success") as opened:
        path = "/anthropic/v1/messages"
        ANTHROPIC.ask(opened.url("anthropic"), opened.token, stream=True)
        post(opened, path, {**ANTHROPIC.body("x", 100, 0), **extra})
        ANTHROPIC.ask(opened.url("anthropic"), opened.token, stream=True, turn=1)
        opened.bill()
    calls = list(read(opened.transcript))
    assert len(calls) >= 2
    document = conversation_of("claude", [], calls)
    assert "I will fix it." in json.dumps(document) or document["steps"]


def test_many_vanished_requests_leave_nothing_open(open_door: OpenDoorFor) -> None:
    with open_door("stall", stall=1.0, patience=1.0) as opened:
        for _ in range(4):
            send_and_vanish(opened, ANTHROPIC, "/anthropic/v1/messages", 60)
        assert len(opened.door.open.running) <= 64
        assert opened.bill().held_micro_usd == 0


def test_headers_and_addresses_of_the_candidate_reach_no_provider(open_door: OpenDoorFor) -> None:
    with open_door("success") as opened:
        headers = {
            "x-api-key": opened.token,
            "openai-organization": "theirs",
            "x-forwarded-host": "evil.example",
            "host": "evil.example",
            "cookie": "a=b",
        }
        assert post(opened, "/anthropic/v1/messages", ANTHROPIC.body("x", 100, 0), headers) == 200
        (call,) = opened.served()
        assert call.key == opened.key
