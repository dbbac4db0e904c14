"""Metered calls from recorded transcripts, and from the conversations that are made of them."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.errors import FailureError
from bench.results.model_calls import MeteredCall, conversation_calls, transcript_calls
from workers.conversation.store import conversation_of, packed
from workers.gateway.transcript import read

RECORDED = sorted((Path(__file__).parents[3] / "data" / "conversations").glob("transcript-*.jsonl"))
ONLY_IN_TRANSCRIPTS = ("provider", "status", "duration_ms", "error", "model", "provider_wait_ms", "called_at")


def of_transcript(*entries: dict[str, Any]) -> list[MeteredCall]:
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    return list(transcript_calls(gzip.compress(lines.encode()), "it"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_conversation_has_the_calls_of_its_transcript(path: Path) -> None:
    from_transcript = list(transcript_calls(gzip.compress(path.read_bytes()), "it"))
    from_conversation = conversation_calls(packed(conversation_of("it", [], read(path)), ()), "it")
    assert len(from_transcript) == len(path.read_text().splitlines()) > 0
    for call, again in zip(from_transcript, from_conversation, strict=True):
        same = {name: getattr(call, name) for name in MeteredCall._fields if name not in ONLY_IN_TRANSCRIPTS}
        assert {name: getattr(again, name) for name in same} == same
        assert (call.error is None) == (again.error is None)
        assert again.called_at is not None
        assert call.called_at is not None
        assert abs((again.called_at - call.called_at).total_seconds()) < 0.001
    assert {call.provider for call in from_transcript} == {"scripted"}


def test_tokens_of_the_cache_are_among_those_that_went_in() -> None:
    usage = {"input": 5, "cached": 7, "cache_write": 11, "cache_write_1h": 13, "output": 17}
    (call,) = of_transcript(
        {"n": 0, "at": 1.5, "ms": 20, "wait_ms": 3, "status": 200, "usage": usage, "micro_usd": 9}
    )
    assert (call.tokens_in, call.tokens_cached, call.tokens_cache_write, call.tokens_out) == (36, 7, 24, 17)
    assert (call.called_at, call.duration_ms, call.provider_wait_ms) == (
        datetime.fromtimestamp(1.5, UTC),
        20,
        3,
    )
    assert (call.status, call.micro_usd, call.error, call.is_refused) == (200, 9, None, False)


def test_a_call_without_an_answer_costs_nothing_that_is_known() -> None:
    refused = {"n": 0, "at": 1, "status": 402, "refused": "the money is used up"}
    limited = {"n": 1, "at": 2, "status": 429, "error": '{"error": {"message": "slow down"}}'}
    first, second = of_transcript(refused, limited)
    assert (first.is_refused, first.error, first.micro_usd, first.tokens_in) == (
        True,
        "the money is used up",
        None,
        None,
    )
    assert (second.is_refused, second.error, second.status) == (False, "slow down", 429)


def test_what_is_no_call_is_skipped_and_what_is_no_number_unknown() -> None:
    strange = {
        "n": 3,
        "at": 1e300,
        "ms": "x",
        "status": [],
        "usage": 1,
        "micro_usd": -1,
        "model": {},
        "error": {},
    }
    body = b'not json\n[]\n{"n": "0"}\n' + json.dumps(strange).encode()
    (call,) = transcript_calls(gzip.compress(body), "it")
    assert call.call == 3
    assert Counter(value for value in call if value is None) == {None: 12}


@pytest.mark.parametrize(
    "body", [b"", b"plain", gzip.compress(b"{}", mtime=0)[:-6]], ids=["empty", "plain", "cut"]
)
def test_a_damaged_file_is_named(body: bytes) -> None:
    with pytest.raises(FailureError, match="conversation of x1 is damaged"):
        conversation_calls(body, "conversation of x1")
    if body:
        with pytest.raises(FailureError, match="transcript of x1 is damaged"):
            list(transcript_calls(body, "transcript of x1"))
