"""Metered model calls of a candidate, parsed from the gateway's transcript or from the conversation made of it."""

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bench.errors import FailureError
from workers.conversation.store import unpacked
from workers.untrusted import MAX_FILE_BYTES, count, dollars, mapping, micro, one_line, parse_json, sequence

Json = dict[str, Any]


class MeteredCall(NamedTuple):
    """One call of a model through the gateway; None is unknown."""

    call: int
    """Number of the call in its candidate, from 0."""
    called_at: datetime | None
    provider: str | None
    model: str | None
    status: int | None
    """HTTP status of the provider's answer, or of the gateway's refusal."""
    duration_ms: int | None
    """From the call to the end of its answer, waits for the provider included."""
    provider_wait_ms: int | None
    tokens_in: int | None
    """Input tokens, those read from and written to a prompt cache included."""
    tokens_cached: int | None
    tokens_cache_write: int | None
    tokens_out: int | None
    micro_usd: int | None
    """What it was charged; None where it has no answer."""
    is_upper_bound: bool
    """Whether it may have cost less: its answer broke off, or has no usage."""
    is_cut: bool
    """Whether its answer broke off."""
    is_refused: bool
    """Whether the gateway refused it because the money of its candidate was used up."""
    error: str | None


def transcript_calls(data: bytes, label: str) -> Iterator[MeteredCall]:
    """The calls in a compressed transcript, one line at a time; lines that are no call are skipped.

    Raises `FailureError`, which names `label`, where the file is damaged.
    """
    try:
        with gzip.open(io.BytesIO(data)) as lines:
            while line := lines.readline(MAX_FILE_BYTES):
                entry = mapping(parse_json(line))
                if (number := count(entry.get("n"))) is not None:
                    yield _of_entry(number, entry)
    except (OSError, EOFError, zlib.error) as error:
        raise FailureError(f"{label} is damaged: {error}") from None


def conversation_calls(data: bytes, label: str) -> list[MeteredCall]:
    """The calls in a compressed conversation by number, sub-agents' included; provider, status and duration are not
    in it.

    Raises `FailureError`, which names `label`, where the file is damaged.
    """
    try:
        document = mapping(unpacked(data))
    except (OSError, EOFError, ValueError, zlib.error, RecursionError) as error:
        raise FailureError(f"{label} is damaged: {error}") from None
    calls: dict[int, MeteredCall] = {}
    for step in _steps([document]):
        number = count(mapping(step.get("extra")).get("call"))
        if number is not None:
            call = _of_step(number, step)
            earlier = calls.get(number)
            # An answer with an error is two steps.
            calls[number] = call if earlier is None else earlier._replace(error=earlier.error or call.error)
    return [calls[number] for number in sorted(calls)]


def _of_entry(number: int, entry: Mapping[str, Any]) -> MeteredCall:
    usage = mapping(entry.get("usage"))
    tokens = {
        name: count(usage.get(name)) or 0 for name in ("input", "cached", "cache_write", "cache_write_1h")
    }
    error = entry.get("refused") or entry.get("error") or None
    return MeteredCall(
        call=number,
        called_at=_moment(entry.get("at")),
        provider=_text(entry.get("provider")),
        model=_text(entry.get("model")),
        status=count(entry.get("status")),
        duration_ms=count(entry.get("ms")),
        provider_wait_ms=count(entry.get("wait_ms")),
        tokens_in=sum(tokens.values()) if usage else None,
        tokens_cached=tokens["cached"] if usage else None,
        tokens_cache_write=tokens["cache_write"] + tokens["cache_write_1h"] if usage else None,
        tokens_out=count(usage.get("output")),
        micro_usd=count(entry.get("micro_usd")),
        is_upper_bound=entry.get("is_bound") is True,
        is_cut=entry.get("is_cut") is True,
        is_refused=bool(entry.get("refused")),
        error=_text(_message(error)),
    )


def _of_step(number: int, step: Mapping[str, Any]) -> MeteredCall:
    extra, metrics = mapping(step.get("extra")), mapping(step.get("metrics"))
    written = mapping(metrics.get("extra"))
    has_tokens = count(metrics.get("prompt_tokens")) is not None
    cache_write = sum(count(written.get(name)) or 0 for name in ("cache_write", "cache_write_1h"))
    return MeteredCall(
        call=number,
        called_at=_moment(step.get("timestamp")),
        provider=None,
        model=_text(step.get("model_name")),
        status=None,
        duration_ms=None,
        provider_wait_ms=count(extra.get("wait_ms")) or 0,
        tokens_in=count(metrics.get("prompt_tokens")),
        tokens_cached=count(metrics.get("cached_tokens")),
        tokens_cache_write=cache_write if has_tokens else None,
        tokens_out=count(metrics.get("completion_tokens")),
        micro_usd=micro(dollars(metrics.get("cost_usd"))),
        is_upper_bound=written.get("is_upper_bound") is True,
        is_cut="cut" in extra,
        is_refused=extra.get("refused") is True,
        error=_text(step.get("message")) if extra.get("error") is True else None,
    )


def _steps(documents: Iterable[Json]) -> Iterator[Json]:
    for document in documents:
        yield from map(mapping, sequence(document.get("steps")))
        yield from _steps(map(mapping, sequence(document.get("subagent_trajectories"))))


def _message(error: Any) -> Any:
    """The message inside a provider's error, or the error as it is."""
    document = mapping(parse_json(error)) if isinstance(error, str) else mapping(error)
    inner = mapping(document.get("error")).get("message")
    return inner or (error if isinstance(error, str) or error is None else json.dumps(error))


def _text(value: Any) -> str | None:
    return one_line(value) or None


def _moment(value: Any) -> datetime | None:
    """A time as the files have it: Unix seconds, or RFC 3339."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
