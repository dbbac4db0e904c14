"""A door in front of a provider: what is charged equals what was served, and never more than the budget."""

import asyncio
import json
from contextlib import suppress

import aiohttp
import pytest

from tests.integration.gateway.conftest import OpenDoorFor, OpenedDoor
from tests.unit.workers.gateway.scripted.scripted_clients import CLIENTS, Client, get
from workers.gateway.transcript import read

PROVIDER = {"anthropic": "anthropic", "responses": "openai", "chat": "openai", "gemini": "gemini"}
BROKEN = (aiohttp.ClientError, KeyError, IndexError, ValueError, TypeError, StopIteration)
each_dialect = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
each_transfer = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def url(opened: OpenedDoor, client: Client) -> str:
    return opened.url(PROVIDER[client.name])


@each_dialect
@each_transfer
def test_charged_is_served_to_the_micro_dollar(open_door: OpenDoorFor, client: Client, stream: bool) -> None:
    with open_door("success") as opened:
        for turn in range(3):
            received = client.ask(url(opened, client), opened.token, stream=stream, turn=turn)
            assert received.status == 200
        bill = opened.bill()
        assert (bill.micro_usd, bill.calls) == (opened.served_micro_usd(), 3)
        assert bill.micro_usd > 0
        assert (bill.held_micro_usd, bill.upper_bound, bill.refusal, bill.failure) == (0, False, None, None)


@each_dialect
@each_transfer
def test_a_missing_or_large_output_limit_is_clamped_to_the_budget(
    open_door: OpenDoorFor, client: Client, stream: bool
) -> None:
    for limit in (None, 60_000):
        with open_door("loop", budget=120_000) as opened:
            if limit is None and client.name == "anthropic":
                continue  # its requests always have one
            received = client.ask(url(opened, client), opened.token, stream=stream, limit=limit)
            assert received.status == 200
            (call,) = opened.served()
            assert call.max_output is not None
            assert 256 <= call.max_output < 60_000
            assert opened.bill().micro_usd == opened.served_micro_usd() <= 120_000


@each_dialect
def test_a_loop_ends_below_the_budget_by_one_refusal(open_door: OpenDoorFor, client: Client) -> None:
    budget = 60_000 if client.name == "chat" else 400_000  # its model is the cheap one
    with open_door("loop", budget=budget) as opened:
        statuses = []
        for turn in range(60):
            received = client.ask(url(opened, client), opened.token, stream=True, turn=turn)
            statuses.append(received.status)
            if received.status != 200:
                break
        bill = opened.bill()
        assert statuses[-1] == 402
        assert bill.refusal is not None
        assert 0 < bill.micro_usd == opened.served_micro_usd() <= budget
        assert bill.micro_usd > budget / 2


@each_dialect
def test_parallel_calls_never_pass_the_budget_together(open_door: OpenDoorFor, client: Client) -> None:
    with open_door("loop", budget=300_000) as opened:

        async def storm() -> list[object]:
            calls = [
                asyncio.to_thread(client.ask, url(opened, client), opened.token, stream=True, prompt=f"p{n}")
                for n in range(24)
            ]
            return await asyncio.gather(*calls, return_exceptions=True)

        asyncio.run(storm())
        bill = opened.bill()
        assert bill.micro_usd == opened.served_micro_usd() <= 300_000
        assert bill.held_micro_usd == 0


@each_dialect
@pytest.mark.parametrize("scenario", ["rate_limit_twice", "overloaded_twice", "server_error_twice"])
def test_overload_is_retried_and_its_wait_counted(
    open_door: OpenDoorFor, client: Client, scenario: str
) -> None:
    with open_door(scenario) as opened:
        assert client.ask(url(opened, client), opened.token, stream=True).status == 200
        bill = opened.bill()
        assert [call.status == 200 for call in opened.served()] == [False, False, True]
        assert (bill.calls, bill.micro_usd) == (1, opened.served_micro_usd())
        assert bill.wait_ms > 0
        assert (bill.failure, bill.trouble) == (None, None)


@each_dialect
def test_a_long_outage_is_the_providers_failure_and_costs_nothing(
    open_door: OpenDoorFor, client: Client
) -> None:
    with open_door("overloaded", patience=1.0) as opened:
        assert client.ask(url(opened, client), opened.token, stream=True).status == 529
        bill = opened.bill()
        assert bill.failure is not None
        assert "529" in bill.failure
        assert (bill.micro_usd, bill.held_micro_usd) == (0, 0)


@each_dialect
@pytest.mark.parametrize(
    ("scenario", "statuses"),
    [("unauthorized", {401}), ("payment", {402}), ("quota", {400, 429}), ("no_model", {404})],
)
def test_what_no_retry_mends_fails_at_once(
    open_door: OpenDoorFor, client: Client, scenario: str, statuses: set[int]
) -> None:
    with open_door(scenario) as opened:
        assert client.ask(url(opened, client), opened.token, stream=True).status in statuses
        assert len(opened.served()) == 1
        assert opened.bill().failure is not None


@each_dialect
def test_a_context_overflow_is_the_programs_own(open_door: OpenDoorFor, client: Client) -> None:
    with open_door("overflow") as opened:
        assert client.ask(url(opened, client), opened.token, stream=True).status == 400
        bill = opened.bill()
        assert (bill.problem, bill.failure, bill.micro_usd) == ("context_overflow", None, 0)


@each_dialect
@each_transfer
def test_a_refusal_is_seen_in_the_answer(open_door: OpenDoorFor, client: Client, stream: bool) -> None:
    with open_door("refusal") as opened:
        client.ask(url(opened, client), opened.token, stream=stream)
        assert opened.bill().problem == "refused"
        assert opened.door.begin_round().problem is None


@each_dialect
@pytest.mark.parametrize("scenario", ["reset", "truncated", "stall"])
def test_a_cut_stream_is_charged_at_its_most(open_door: OpenDoorFor, client: Client, scenario: str) -> None:
    with open_door(scenario, stall=0.5) as opened:
        with suppress(*BROKEN):  # the program sees the broken answer, too
            client.ask(url(opened, client), opened.token, stream=True)
        bill = opened.bill()
        assert bill.upper_bound
        assert opened.served_micro_usd() <= bill.micro_usd <= 5_000_000


@each_dialect
@each_transfer
def test_an_answer_without_usage_costs_its_hold(open_door: OpenDoorFor, client: Client, stream: bool) -> None:
    with open_door("no_usage") as opened:
        client.ask(url(opened, client), opened.token, stream=stream)
        bill = opened.bill()
        assert bill.upper_bound
        assert bill.micro_usd >= opened.served_micro_usd() > 0


def test_streams_that_always_break_are_the_providers_failure(open_door: OpenDoorFor) -> None:
    client = next(each for each in CLIENTS if each.name == "chat")
    with open_door("truncated", budget=50_000_000) as opened:
        for _ in range(5):
            with suppress(*BROKEN):
                client.ask(url(opened, client), opened.token, stream=True)
        assert "broke off" in str(opened.bill().failure)


def test_other_keys_paths_models_and_providers_are_refused(open_door: OpenDoorFor) -> None:
    anthropic = next(each for each in CLIENTS if each.name == "anthropic")
    chat = next(each for each in CLIENTS if each.name == "chat")
    with open_door("success") as opened:
        wrong = asyncio.run(get(opened.url("anthropic") + "/v1/models", authorization="Bearer guess"))
        assert wrong[0] == 401
        bearer = {"authorization": f"Bearer {opened.token}"}
        for path in ("/v1/files", "/v1/messages/batches", "/api/event_logging"):
            assert asyncio.run(get(opened.url("anthropic") + path, **bearer))[0] == 404
        assert chat.ask(opened.url("groq"), opened.token, stream=False).status == 403
        assert asyncio.run(get(opened.url("openai") + "/v1/models", **bearer))[0] == 200

        async def unpriced() -> int:
            body = {**anthropic.body("x", 100, 0), "model": "no-such-model-of-anybody"}
            async with (
                aiohttp.ClientSession() as session,
                session.post(opened.url("anthropic") + "/v1/messages", json=body, headers=bearer) as response,
            ):
                return response.status

        assert asyncio.run(unpriced()) == 404
        assert (opened.served(), opened.bill().micro_usd) == ([], 0)
        denied = opened.bill().denied
        assert "GET /anthropic/v1/files: no call of a model" in denied
        assert any("groq is not configured" in each for each in denied)
        assert any("no-such-model-of-anybody" in each for each in denied)


@each_dialect
@each_transfer
def test_the_transcript_holds_the_calls_and_no_key(
    open_door: OpenDoorFor, client: Client, stream: bool
) -> None:
    with open_door("success") as opened:
        for turn in range(3):
            client.ask(url(opened, client), opened.token, stream=stream, turn=turn)
        bodies = [client.body("Repair add.", 1000, turn) for turn in range(3)]
        bill = opened.bill()
    text = opened.transcript.read_text()
    assert opened.key not in text
    assert opened.token not in text
    calls = list(read(opened.transcript))
    history = {"anthropic": "messages", "chat": "messages", "responses": "input", "gemini": "contents"}[
        client.name
    ]
    assert [call["request"][history] for call in calls] == [body[history] for body in bodies]
    assert sum(call["micro_usd"] for call in calls) == bill.micro_usd
    assert all(bool(call["events"]) is stream for call in calls)
    assert '"begins"' in text


@each_dialect
@each_transfer
def test_a_replay_serves_the_same_bytes_and_money_without_the_provider(
    open_door: OpenDoorFor, client: Client, stream: bool
) -> None:
    with open_door("success") as recorded:
        first = [
            client.ask(url(recorded, client), recorded.token, stream=stream, turn=turn) for turn in range(2)
        ]
        bill = recorded.bill()
    before = [(call["events"], call["response"]) for call in read(recorded.transcript)]
    with open_door("success", replay=recorded.transcript) as replayed:
        again = [
            client.ask(url(replayed, client), replayed.token, stream=stream, turn=turn) for turn in range(2)
        ]
        assert again == first
        assert replayed.bill().micro_usd == bill.micro_usd
        assert replayed.served() == []
        replayed.door.begin_round()
        assert client.ask(url(replayed, client), replayed.token, stream=stream).status == 404
        assert "replay" in str(replayed.bill().failure)
    assert [(call["events"], call["response"]) for call in read(replayed.transcript)] == before


def test_a_call_whose_program_went_away_is_settled_by_its_usage(open_door: OpenDoorFor) -> None:
    client = next(each for each in CLIENTS if each.name == "anthropic")
    with open_door("success") as opened:

        async def vanish() -> None:
            body = client.body("Repair add.", 1000, 0)
            reader, writer = await asyncio.open_connection("127.0.0.1", opened.door.port)
            data = json.dumps({**body, "stream": True}).encode()
            head = (
                "POST /anthropic/v1/messages HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                f"x-api-key: {opened.token}\r\ncontent-length: {len(data)}\r\n\r\n"
            )
            writer.write(head.encode() + data)
            await writer.drain()
            await reader.read(1)
            writer.transport.abort()

        asyncio.run(vanish())
        bill = opened.bill()
        assert (bill.micro_usd, bill.calls, bill.upper_bound) == (opened.served_micro_usd(), 1, False)
        assert bill.micro_usd > 0


def test_a_candidate_cannot_use_up_the_workers_descriptors(open_door: OpenDoorFor) -> None:
    with open_door("success") as opened:

        async def crowd() -> tuple[int, int]:
            pairs = [await asyncio.open_connection("127.0.0.1", opened.door.port) for _ in range(300)]
            ends = [asyncio.create_task(reader.read(1)) for reader, _ in pairs]
            done, waiting = await asyncio.wait(ends, timeout=2)
            for task in waiting:
                task.cancel()
            for _, writer in pairs:
                writer.transport.abort()
            return len(done), len(waiting)

        dropped, kept = asyncio.run(crowd())
        assert kept == 128
        assert dropped == 172
        client = next(each for each in CLIENTS if each.name == "chat")
        assert client.ask(url(opened, client), opened.token, stream=True).status == 200


@each_dialect
def test_an_answer_that_the_money_cut_off_ends_the_candidate(open_door: OpenDoorFor, client: Client) -> None:
    budget = 6_000 if client.name == "chat" else 40_000
    with open_door("loop", budget=budget) as opened:
        assert client.ask(url(opened, client), opened.token, stream=True, limit=60_000).status == 200
        bill = opened.bill()
        assert "cut off" in str(bill.refusal)
        assert bill.micro_usd == opened.served_micro_usd() <= budget
