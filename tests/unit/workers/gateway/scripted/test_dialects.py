"""Every dialect, streaming and not: answers, limits, failures, and a ledger that agrees with what was received."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from tests.unit.workers.gateway.scripted.scripted_clients import CLIENTS, Client, Json, get
from workers.gateway.scripted.edits import CALC, shell_command
from workers.gateway.scripted.prices import price
from workers.gateway.scripted.server import ScriptedModels

KeyFor = Callable[[str], str]
each_dialect = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
each_transfer = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@each_dialect
@each_transfer
def test_a_fix_is_a_tool_call_and_then_a_final_text(
    models: ScriptedModels, key_for: KeyFor, client: Client, stream: bool
) -> None:
    key = key_for("success")
    first = client.ask(models.url, key, stream=stream)
    second = client.ask(models.url, key, stream=stream, turn=1)
    assert (first.status, first.command) == (200, shell_command(CALC))
    assert first.stop == client.stops["tool"]
    assert (second.command, second.stop) == (None, client.stops["end"])
    assert second.text == "Fixed the bug; the tests pass."


@each_dialect
@each_transfer
def test_the_ledger_has_the_usage_and_the_price_of_each_response(
    models: ScriptedModels, key_for: KeyFor, client: Client, stream: bool
) -> None:
    key = key_for("success")
    received = [client.ask(models.url, key, stream=stream, turn=turn) for turn in (0, 1)]
    served = models.served(key)
    assert [(call.dialect, call.model, call.status, call.outcome) for call in served] == 2 * [
        (client.name, client.model, 200, "answer")
    ]
    assert [(each.tokens_in, each.tokens_out) for each in received] == [
        (call.tokens.total_in, call.tokens.output) for call in served
    ]
    assert [call.micro_usd for call in served] == [price(client.model, call.tokens) for call in served]
    assert all(call.states_usage and call.max_output == 1000 for call in served)
    assert (served[0].tokens.cached, served[1].tokens.cached > 0) == (0, True)


@each_dialect
@each_transfer
def test_output_never_exceeds_the_limit_of_the_request(
    models: ScriptedModels, key_for: KeyFor, client: Client, stream: bool
) -> None:
    key = key_for("success")
    received = client.ask(models.url, key, stream=stream, limit=17)
    assert (received.tokens_out, received.command) == (17, None)
    assert received.stop == client.stops["length"]
    assert models.served(key)[0].tokens.output == 17


@each_dialect
@each_transfer
def test_without_usage_the_ledger_alone_knows_the_tokens(
    models: ScriptedModels, key_for: KeyFor, client: Client, stream: bool
) -> None:
    key = key_for("no_usage")
    received = client.ask(models.url, key, stream=stream)
    (call,) = models.served(key)
    assert (received.tokens_in, received.tokens_out) == (None, None)
    assert (call.states_usage, call.tokens.output) == (False, 350)
    assert call.micro_usd > 0


@each_dialect
@each_transfer
@pytest.mark.parametrize(
    ("scenario", "stop", "text"),
    [
        ("refusal", "refusal", ""),
        ("empty", "end", ""),
        ("cut_off", "length", "I was going to"),
        ("liar", "end", "I fixed the bug; all tests pass now."),
        ("one_call", "end", "Ready."),
    ],
)
def test_a_final_answer_has_its_stop_reason(
    models: ScriptedModels,
    key_for: KeyFor,
    client: Client,
    stream: bool,
    scenario: str,
    stop: str,
    text: str,
) -> None:
    received = client.ask(models.url, key_for(scenario), stream=stream)
    assert (received.stop, received.text, received.command) == (client.stops[stop], text, None)


@each_dialect
@pytest.mark.parametrize(
    ("scenario", "status", "words"),
    [
        ("rate_limit", 429, "Rate limit"),
        ("overloaded", 529, "Overloaded"),
        ("server_error", 500, "Internal"),
        ("unauthorized", 401, "invalid x-api-key"),
        ("payment", 402, "Payment required"),
        ("quota", None, "billing"),
        ("no_model", 404, "no-such-model"),
        ("overflow", 400, None),
    ],
)
def test_a_failure_costs_nothing_and_has_the_error_body_of_the_dialect(
    models: ScriptedModels,
    key_for: KeyFor,
    client: Client,
    scenario: str,
    status: int | None,
    words: str | None,
) -> None:
    key = key_for(scenario)
    received = client.ask(models.url, key, stream=True)
    (call,) = models.served(key)
    assert received.status == call.status == (status or call.status)
    assert (words or "").lower() in received.error.lower()
    assert received.error
    assert (call.outcome, call.micro_usd, call.tokens.output) == (scenario, 0, 0)


@each_dialect
@pytest.mark.parametrize("scenario", ["reset", "truncated", "stall", "error_event"])
def test_a_broken_stream_is_charged_its_input_and_what_was_sent(
    models: ScriptedModels, key_for: KeyFor, client: Client, scenario: str
) -> None:
    key = key_for(scenario)
    if scenario in ("reset", "stall"):  # the stall ends with the server's patience
        with pytest.raises(aiohttp.ClientError):
            asyncio.run(_stream(client, models.url, key))
    else:
        text = asyncio.run(_stream(client, models.url, key))
        has_error = "overloaded" in text or "server_error" in text
        assert (has_error, "fix it" in text) == (scenario == "error_event", False)
    (call,) = models.served(key)
    assert (call.outcome, call.states_usage, call.tokens.output) == (scenario, False, 175)
    assert 0 < call.micro_usd == price(client.model, call.tokens)


@each_dialect
def test_a_truncated_stream_ends_properly_without_an_end_of_the_message(
    models: ScriptedModels, key_for: KeyFor, client: Client
) -> None:
    key = key_for("truncated_once")
    text = asyncio.run(_stream(client, models.url, key))
    assert "I will " in text
    assert not any(end in text for end in ("message_stop", "completed", "[DONE]", '"STOP"'))
    assert client.ask(models.url, key, stream=True).command is not None
    assert [call.outcome for call in models.served(key)] == ["truncated", "answer"]


async def _stream(client: Client, url: str, key: str) -> str:
    body = client.body("Repair add.", 1000, 0) | ({} if client.name == "gemini" else {"stream": True})
    return await _text(url + client.path(True), body, key)


async def _text(url: str, body: Json, key: str) -> str:
    headers = {"x-api-key": key}
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as response:
        return await response.text()


@each_dialect
@pytest.mark.parametrize("scenario", ["reset", "stall"])
def test_a_whole_body_breaks_off_too(
    models: ScriptedModels, key_for: KeyFor, client: Client, scenario: str
) -> None:
    key = key_for(scenario)
    with pytest.raises(aiohttp.ClientError):
        client.ask(models.url, key, stream=False)
    assert [call.outcome for call in models.served(key)] == [scenario]


@each_dialect
def test_a_key_is_read_from_any_of_the_four_headers_and_parameters(
    models: ScriptedModels, key_for: KeyFor, client: Client
) -> None:
    key = key_for("one_call")
    for headers in ({"x-api-key": key}, {"x-goog-api-key": key}, {"authorization": f"Bearer {key}"}):
        assert client.ask(models.url, "", stream=False, headers=headers).status == 200
    body = client.body("Repair add.", 10, 0)
    assert asyncio.run(_status(f"{models.url}{client.path(False)}?key={key}", body)) == 200
    assert len(models.served(key)) == 4


async def _status(url: str, body: Json) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        return response.status


@each_dialect
@pytest.mark.parametrize("key", ["sk-real-1", "sk-lab-nonsense-1", ""])
def test_any_other_key_is_refused(models: ScriptedModels, client: Client, key: str) -> None:
    assert client.ask(models.url, key, stream=False).status == 401


def test_models_are_listed_and_counts_of_tokens_cost_nothing(models: ScriptedModels, key_for: KeyFor) -> None:
    key = key_for("success")
    status, listed = asyncio.run(get(f"{models.url}/v1/models"))
    assert (status, listed["data"][0]["id"]) == (200, "claude-sonnet-4-5")
    _, listed = asyncio.run(get(f"{models.url}/v1beta/models"))
    assert listed["models"][0]["name"] == "models/claude-sonnet-4-5"
    body = {"messages": [{"role": "user", "content": "x" * 400}]}
    assert asyncio.run(_text(f"{models.url}/v1/messages/count_tokens", body, key)).startswith(
        '{"input_tokens": 1'
    )
    assert asyncio.run(_status(f"{models.url}/v1/embeddings", {})) == 404
    assert models.served(key) == []
