"""Parser of opencode's JSON events and of its log: steps, their costs, answers and provider errors."""

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from workers.prices.table import price_sum
from workers.prices.tokens import Tokens
from workers.toolchains import provider
from workers.toolchains.base import Finished, Report
from workers.toolchains.program import Usage, error_text, exit_words, priced
from workers.untrusted import count, dollars, mapping, micro, one_line, read_tail

_BROKE_OFF = "the stream of the answer broke off"
_LAST = ("stop", "length", "content-filter")
"""Why a step was the last one; after any other, a further step follows."""


def _tokens(counts: dict[str, Any]) -> Tokens | None:
    """Token counts of a step: reasoning is billed as output but counted separately, as the cache is from the input."""
    cache = mapping(counts.get("cache"))
    given, out = count(counts.get("input")), count(counts.get("output"))
    if given is None or out is None:
        return None
    return Tokens(
        input=given,
        cached=count(cache.get("read")) or 0,
        cache_write=count(cache.get("write")) or 0,
        output=out + (count(counts.get("reasoning")) or 0),
    )


def _error_words(event: dict[str, Any]) -> str:
    error = mapping(event.get("error"))
    data = mapping(error.get("data"))
    parts = [error.get("name"), data.get("statusCode"), data.get("message") or error.get("message")]
    return one_line(" ".join(str(part) for part in parts if part is not None)) or "error"


class OpencodeTally:
    """Steps, their costs, the last text and the last error, of the main session alone."""

    def __init__(self) -> None:
        self.answer = ""
        self.error = ""
        self.trouble = ""
        """What went wrong with the last call of the model; empty where it succeeded."""
        self.last_event_ms = 0
        """Wall clock of the last event, in milliseconds since the epoch."""
        self._reason: object = None
        self._last_message: object = None
        self._stops = 0
        self._is_at_work = True
        self._is_open = False
        self._is_partial = False
        self._usd: float | None = None
        self._paid = Tokens()
        """The tokens of the steps with a cost."""
        self._tokens: Tokens | None = None
        self._unpriced: Tokens | None = None

    @property
    def result_count(self) -> int | None:
        """The number of final answers; None while work continues after the last one."""
        return None if self._is_at_work else self._stops

    def feed(self, event: dict[str, Any]) -> None:
        part = mapping(event.get("part"))
        self.last_event_ms = max(count(event.get("timestamp")) or 0, self.last_event_ms)
        match event.get("type"):
            case "step_start":
                # The step before never finished: its stream was interrupted, and its cost is not reported.
                self._is_partial = self._is_partial or self._is_open
                self._is_at_work = self._is_open = True
                if self.trouble != _BROKE_OFF and not provider.is_overflow(self.trouble):
                    self.trouble = ""  # the provider answers again
            case "text":
                self.answer = one_line(part.get("text")) or self.answer
                # The last text of a step may arrive after its end.
                self._is_at_work = self._is_at_work or part.get("messageID") != self._last_message
            case "tool_use":
                self._is_at_work, self.trouble = True, ""
                self._is_partial = self._is_partial or _delegates(event, part)
            case "error":
                self.trouble = _error_words(event)
                self._is_partial = self._is_partial or provider.broke_off(self.trouble)
                if self._is_at_work:  # what follows the last answer does not undo it
                    self.error, self.answer = self.trouble, ""
            case "step_finish":
                self._step(part)

    def _step(self, part: dict[str, Any]) -> None:
        usd, tokens = dollars(part.get("cost")), _tokens(mapping(part.get("tokens")))
        if tokens:
            self._tokens = (self._tokens or Tokens()) + tokens
        if usd:
            self._usd = (self._usd or 0.0) + usd
            self._paid += tokens or Tokens()
        elif tokens:
            self._unpriced = (self._unpriced or Tokens()) + tokens
        else:
            self._is_partial = True  # every call has tokens: this one's are not reported
        self._is_open = False
        self._reason, self._last_message = part.get("reason"), part.get("messageID")
        self.trouble = self._trouble_after(tokens)
        self._is_at_work = self._reason not in _LAST
        self._stops += not self._is_at_work
        if self.error and self.answer and self._reason == "stop":
            self.error = ""  # a failed call that was retried successfully

    def _trouble_after(self, tokens: Tokens | None) -> str:
        """What still prevents the work after a step: a stream that broke off, or a window that stays too small."""
        if not tokens and self._reason not in (*_LAST, "tool-calls"):
            return _BROKE_OFF
        # The summary that follows an overflow is a step that succeeds, also where the next call overflows again.
        is_summary = self._reason == "stop" and provider.is_overflow(self.trouble)
        return self.trouble if is_summary else ""

    def usage(self, model: str | None) -> Usage:
        """Usage of all steps: those without a cost are priced, or else the sum of the others is a lower bound."""
        # With neither a last step nor an error, it ended in the middle of something.
        is_partial = self._is_partial or (self._is_at_work and not self.trouble)
        if self._unpriced is None and not self._omits_cache_writes(model):
            return priced(model, self._tokens, self._usd, is_partial=is_partial)
        if self._unpriced is None:
            return priced(model, self._tokens, is_partial=is_partial)
        rest = price_sum(model, self._unpriced)
        known = micro(self._usd)
        if rest is None:
            return Usage(None, known, self._tokens, is_partial=True)
        return Usage(None, rest + (known or 0), self._tokens, is_partial=is_partial)

    def _omits_cache_writes(self, model: str | None) -> bool:
        """Whether its list of prices has none for the tokens written to the cache, which are then charged as input."""
        if not self._paid.cache_write:
            return False
        amount, rest = price_sum(model, self._paid), price_sum(model, replace(self._paid, cache_write=0))
        is_rest = rest is not None and abs(rest - (micro(self._usd) or 0)) <= 1
        return is_rest and amount != rest

    def verdict(self, finished: Finished) -> Report:
        if self._reason == "content-filter":
            return provider.refused(self.trouble)
        if self.error:
            return provider.failure(self.error, "error")
        if not self.answer:
            words = error_text(finished)
            if provider.is_provider_failure(words):
                return provider.failure(words, "")
            return Report("failed", message=one_line(f"no answer, {exit_words(finished)} {words}"))
        if self._reason == "length":
            return Report("failed", message="the answer was cut off at the model's output limit")
        return Report("success", message=self.answer)


def _delegates(event: dict[str, Any], part: dict[str, Any]) -> bool:
    """Whether a tool ran a session of its own, whose steps are not in this stream."""
    session = mapping(mapping(part.get("state")).get("metadata")).get("sessionId")
    return part.get("tool") == "task" or (session is not None and session != event.get("sessionID"))


_LOG_BYTES = 65536
_FIELD = re.compile(r'(\w[\w.]*)=("(?:[^"\\]|\\.)*"|\S+)')


def retried(log: Path, since_ms: int) -> str:
    """The provider's error after `since_ms`, from the program's log: what it retries leaves no event; else empty."""
    words = ""
    for line in read_tail(log, _LOG_BYTES).splitlines():
        fields = dict(_FIELD.findall(line))
        if (
            fields.get("message") == '"stream error"'
            and _milliseconds(fields.get("timestamp", "")) > since_ms
        ):
            words = one_line(fields.get("error.error", "").strip('"')) or "stream error"
    return words


def _milliseconds(stamp: str) -> int:
    try:
        return round(datetime.fromisoformat(stamp).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0
