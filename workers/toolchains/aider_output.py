"""Parsers of aider's output: its event log, its messages, and the model's answers that `--verbose` prints."""

import re
from collections.abc import Iterator
from typing import Any

from workers.prices.tokens import Tokens
from workers.toolchains import provider
from workers.toolchains.program import Usage, priced
from workers.untrusted import MAX_COUNT, count, dollars, mapping, one_line

# Output that is no terminal is wrapped at 80 columns, so any gap may be a line end.
_TOKENS = re.compile(
    r"Tokens:\s+(?P<sent>[\d.]+[kM]?)\s+sent,"
    r"(?:\s+[\d.]+[kM]?\s+cache\s+write,)?(?:\s+[\d.]+[kM]?\s+cache\s+hit,)?"
    r"\s+(?P<received>[\d.]+[kM]?)\s+received\."
    r"(?:\s+Cost:\s+\$[\d.]+\s+message,\s+\$(?P<session>\d+\.\d+)\s+session\.)?"
)
_TROUBLE = re.compile(
    r"^(litellm\.\w+:.*|The API provider .*|Insufficient credits with the API provider.*)$",
    re.MULTILINE,
)
_EMPTY, _EDITED = "Empty response received from LLM", "Applied edit to"
_TAIL_BYTES = 256 * 1024
_ANSWER = b"ModelResponse("
_PRINTED = (b"SYSTEM ", b"USER ", b"ASSISTANT ", _ANSWER)
_REASON = re.compile(r"ModelResponse\([^\[]*choices=\[Choices\(finish_reason='(\w+)'")
_COUNTS = ("prompt_tokens", "completion_tokens", "cached_tokens", "cache_creation_input_tokens")


def _rounded(text: str) -> int | None:
    """A count as aider prints it: `950`, `2.3k`, `41k`, `1.2M`."""
    unit = {"k": 1_000, "M": 1_000_000}.get(text[-1:], 1)
    try:
        return count(round(float(text.rstrip("kM")) * unit))
    except (ValueError, OverflowError):
        return None


class AiderTally:
    """Usage from the event log of `--analytics-log`: a `message_send` for each answer, with the session's cost."""

    def __init__(self) -> None:
        self.answered = False
        self.exception = ""
        self.result_count: int | None = None
        """1 after its `exit` event."""
        self._usd: float | None = None
        self._tokens: Tokens | None = None
        self._sent = False
        self._is_partial = False

    def feed(self, event: dict[str, Any]) -> None:
        properties = mapping(event.get("properties"))
        if event.get("event") == "message_send_exception":
            self.exception = one_line(properties.get("exception")) or "exception"
            self.answered = False
        elif event.get("event") == "message_send":
            self._send(properties)
        elif event.get("event") == "exit":
            self.result_count = 1

    def _send(self, properties: dict[str, Any]) -> None:
        given = count(properties.get("prompt_tokens"))
        out = count(properties.get("completion_tokens"))
        self._sent = True
        usd = dollars(properties.get("total_cost"))
        if usd is not None:
            self._usd = max(usd, self._usd or 0.0)
        if given is not None and out is not None:
            self._tokens = (self._tokens or Tokens()) + Tokens(input=given, output=out)
            # A call that failed echoes the line of the one before it, with nothing sent or received.
            self.answered = out > 0
            # A model whose price it does not know adds nothing to the session's cost.
            unpriced = given + out > 0 and properties.get("cost") == 0
            self._is_partial = self._is_partial or unpriced

    def usage(self, model: str | None) -> Usage:
        """Usage of the session: tokens are priced where no model's price is known; if some are, a part is missing."""
        is_partial = self._is_partial and bool(self._usd)
        return priced(model, self._tokens, self._usd, has_worked=self._sent, is_partial=is_partial)


class AiderWords:
    """Parser of the last part of standard output: the `Tokens: … Cost: …` lines and aider's error messages."""

    def __init__(self, text: str) -> None:
        lines = list(_TOKENS.finditer(text))
        trouble = list(_TROUBLE.finditer(text))
        self.trouble = trouble[-1].group().strip() if trouble else ""
        self.broke_off = any(provider.broke_off(each.group()) for each in trouble)
        self.is_empty = text.rfind(_EMPTY) > text.rfind(_EDITED)
        self.has_edited = text.rfind(_EDITED) > max(
            text.rfind(_EMPTY), trouble[-1].start() if trouble else -1
        )
        """Whether an edit came after every error: an answer, also where its tokens are not reported."""
        self.answered = bool(lines) and (not trouble or trouble[-1].start() < lines[-1].start())
        sessions = [dollars(float(line["session"])) for line in lines if line["session"]]
        self._usd = max((usd for usd in sessions if usd is not None), default=None)
        self._tokens: Tokens | None = None
        for line in lines:
            given, out = _rounded(line["sent"]), _rounded(line["received"])
            if given is not None and out is not None and given + out < MAX_COUNT:
                self._tokens = (self._tokens or Tokens()) + Tokens(input=given, output=out)

    def usage(self, model: str | None) -> Usage:
        return priced(model, self._tokens, self._usd)


class AiderAnswers:
    """The model's answers in standard output, one line each: why each ended, and the tokens of all."""

    def __init__(self, output: bytes) -> None:
        self.is_refused = False
        """Whether the last one was refused, by the model or its provider's filter."""
        self.tokens: Tokens | None = None
        for line in output.splitlines():
            if line.startswith(_ANSWER):
                self._add(line.decode("utf-8", "replace"))

    def _add(self, line: str) -> None:
        reason = _REASON.match(line)
        self.is_refused = reason is not None and reason[1] in ("content_filter", "refusal")
        # The last of its name: the model's own words come before it.
        usage = line.rpartition(" usage=Usage(")[2]
        given, out, cached, written = (_number(name, usage) for name in _COUNTS)
        if given is None or out is None:
            return
        cached = min(cached or 0, given)
        written = min(written or 0, given - cached)
        plain = given - cached - written
        self.tokens = (self.tokens or Tokens()) + Tokens(plain, cached, written, out)

    def missing_from(self, usage: Usage) -> bool:
        """Whether an answer's tokens are not in `usage`: aider counts none that hit the output limit."""
        if self.tokens is None:
            return False
        counted = usage.tokens or Tokens()
        return (self.tokens.total_in, self.tokens.output) > (counted.total_in, counted.output)


def _number(name: str, usage: str) -> int | None:
    match = re.search(rf"\b{name}=(\d{{1,15}})\b", usage)
    return None if match is None else count(int(match[1]))


def messages(output: bytes) -> str:
    """The last part of standard output without the prompts and answers that `--verbose` prints."""
    return b"\n".join(_plain_lines(output))[-_TAIL_BYTES:].decode("utf-8", "replace")


def _plain_lines(output: bytes) -> Iterator[bytes]:
    return (line for line in output.splitlines() if not line.startswith(_PRINTED))
