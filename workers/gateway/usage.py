"""Usage of a provider's response, by dialect: its tokens, whether it is complete, and how it ended."""

import json
import re
from typing import Any, Final, Literal

from workers.gateway.routes import Kind
from workers.prices.tokens import Tokens, highest
from workers.untrusted import mapping, sequence

Problem = Literal["refused", "context_overflow"]
_INTERESTING: Final = re.compile(
    rb'"usage"|"usageMetadata"|"error"|"stop_reason"|"message_stop"|"finish_?[rR]eason"'
    rb'|"type": ?"response\.(comp|inc|fail)'
    rb'|"refusal"|\[DONE\]'
)
_REFUSALS: Final = ("refusal", "content_filter", "SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII")
_LAST_EVENTS: Final = ("response.completed", "response.incomplete", "response.failed")
Json = dict[str, Any]


class UsageTally:
    """Accumulator of one response, streamed or whole; it accepts any data and never raises."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self.tokens: Tokens | None = None
        """The highest counts so far; None while none is reported."""
        self.is_complete = False
        """Whether the response reached its end."""
        self.problem: Problem | None = None
        self.error = ""
        """The message of an error inside the response."""
        self.events = 0

    def feed(self, data: bytes) -> None:
        """An event of a stream."""
        self.events += 1
        if data.strip() == b"[DONE]":
            self.is_complete = True
        elif _INTERESTING.search(data):
            try:
                self.add(json.loads(data))
            except (ValueError, RecursionError):
                return

    def add(self, document: object) -> None:
        """A whole response, or the object of one event."""
        for each in document if isinstance(document, list) else [document]:
            if isinstance(each, dict):
                self._note_error(each)
                match self._kind:
                    case "messages":
                        self._messages(each)
                    case "responses":
                        self._responses(each)
                    case "chat":
                        self._chat(each)
                    case "generate":
                        self._generate(each)

    def _note_error(self, event: Json) -> None:
        error = event.get("error") or mapping(event.get("response")).get("error")
        if error:
            words = error.get("message") if isinstance(error, dict) else error
            self.error = str(words or "error")[:500]

    def _count(self, tokens: Tokens | None) -> None:
        if tokens is not None and tokens:
            self.tokens = highest(self.tokens, tokens)

    def _ended(self, reason: object) -> None:
        if isinstance(reason, str) and reason:
            self.problem = "refused" if reason in _REFUSALS else None
            self.is_complete = True

    def _messages(self, event: Json) -> None:
        message = mapping(event.get("message")) or event
        usage = mapping(message.get("usage"))
        self._count(_anthropic(usage))
        self._ended(message.get("stop_reason") or mapping(event.get("delta")).get("stop_reason"))

    def _responses(self, event: Json) -> None:
        response = mapping(event.get("response")) or event
        self._count(_openai(mapping(response.get("usage")), "input", "output"))
        is_last = event.get("type") in _LAST_EVENTS or (
            event.get("object") == "response" and response.get("status") in ("completed", "incomplete")
        )
        if is_last:
            self.is_complete = not self.error
            text = json.dumps(response.get("output"))
            self.problem = "refused" if '"type": "refusal"' in text else self.problem
            reason = mapping(response.get("incomplete_details")).get("reason")
            if reason in _REFUSALS:
                self.problem = "refused"

    def _chat(self, event: Json) -> None:
        self._count(_openai(mapping(event.get("usage")), "prompt", "completion"))
        for choice in sequence(event.get("choices")):
            self._ended(mapping(choice).get("finish_reason"))

    def _generate(self, event: Json) -> None:
        usage = mapping(event.get("usageMetadata"))
        if "totalTokenCount" not in usage:
            usage = {}  # masked, or not there: output cannot be told
        given = _number(usage, "promptTokenCount") + _number(usage, "toolUsePromptTokenCount")
        cached = min(_number(usage, "cachedContentTokenCount"), given)
        parts = _number(usage, "candidatesTokenCount") + _number(usage, "thoughtsTokenCount")
        out = max(parts, _number(usage, "totalTokenCount") - given)
        self._count(Tokens(input=given - cached, cached=cached, output=max(0, out)))
        for candidate in sequence(event.get("candidates")):
            self._ended(mapping(candidate).get("finishReason"))
        if mapping(event.get("promptFeedback")).get("blockReason"):
            self._ended("SAFETY")


def _anthropic(usage: Json) -> Tokens:
    long = _number(mapping(usage.get("cache_creation")), "ephemeral_1h_input_tokens")
    written = _number(usage, "cache_creation_input_tokens")
    long = min(long, written)
    return Tokens(
        input=_number(usage, "input_tokens"),
        cached=_number(usage, "cache_read_input_tokens"),
        cache_write=written - long,
        cache_write_1h=long,
        output=_number(usage, "output_tokens"),
    )


def _openai(usage: Json, given_name: str, out_name: str) -> Tokens:
    """Input includes the tokens read from and written to the cache; output includes reasoning, or the total does."""
    given, out = _number(usage, f"{given_name}_tokens"), _number(usage, f"{out_name}_tokens")
    details = mapping(usage.get(f"{given_name}_tokens_details"))
    cached = min(_number(details, "cached_tokens") or _number(usage, "prompt_cache_hit_tokens"), given)
    written = min(_number(details, "cache_write_tokens"), given - cached)
    out = max(out, _number(usage, "total_tokens") - given)
    return Tokens(input=given - cached - written, cached=cached, cache_write=written, output=out)


def _number(usage: Json, name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else 0
