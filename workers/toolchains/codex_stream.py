"""Parser of Codex's stream of JSON lines: turns, answers, usage and provider errors."""

from typing import Any

from workers.prices.tokens import Tokens, highest
from workers.toolchains import provider
from workers.toolchains.base import Finished, Report
from workers.toolchains.program import error_text, exit_words
from workers.untrusted import count, mapping, one_line, sequence

MAX_SESSIONS = 256


def tokens_of(usage: dict[str, Any]) -> Tokens | None:
    """Input includes the tokens read from and written to the cache, output the reasoning."""
    given, out = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if given is None or out is None:
        return None
    cached = min(count(usage.get("cached_input_tokens")) or 0, given)
    written = min(count(usage.get("cache_write_input_tokens")) or 0, given - cached)
    return Tokens(input=given - cached - written, cached=cached, cache_write=written, output=out)


class CodexTally:
    """Turns and answers; the usage of a turn counts from the session's start, so the highest is kept."""

    def __init__(self) -> None:
        self.tokens: Tokens | None = None
        self.answer = ""
        self.threads: set[str] = set()
        """The sessions of sub-agents, which this stream does not count."""
        self.trouble = ""
        """What went wrong with the last call of the model; empty where it succeeded."""
        self._turns = 0
        self._ended = ""
        self._error = ""
        self._has_items = False
        self._is_broken = False

    @property
    def result_count(self) -> int | None:
        """The number of ended turns; None while another one runs."""
        return self._turns if self._ended else None

    @property
    def is_partial(self) -> bool:
        """Whether a call is not counted: the last one of an unfinished turn, or one with an interrupted answer."""
        return self._is_broken or not self._ended

    def feed(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "turn.completed":
                self._ended, self._turns, self.trouble = "completed", self._turns + 1, ""
                self.tokens = highest(tokens_of(mapping(event.get("usage"))), self.tokens)
            case "turn.failed":
                self._failed(one_line(mapping(event.get("error")).get("message")))
            case "turn.started":
                self._ended = ""
            case "error":
                # "Reconnecting… 1/5" is one too: an error counts only where no completed turn follows.
                self._fault(one_line(event.get("message")))
            case "item.started" | "item.completed":
                self._item(mapping(event.get("item")))

    def _failed(self, words: str) -> None:
        self._fault(words)
        if self._ended != "completed":  # what follows a completed turn does not undo it
            self._ended, self._turns = "failed", self._turns + 1

    def _fault(self, words: str) -> None:
        self.trouble = self._error = words or self._error
        self._is_broken = self._is_broken or provider.broke_off(words)

    def _item(self, item: dict[str, Any]) -> None:
        kind = item.get("type") or item.get("item_type")
        if kind == "error":
            return
        self._has_items, self.trouble = True, ""
        if kind in ("agent_message", "assistant_message"):
            self.answer = one_line(item.get("text"))
        for thread in sequence(item.get("receiver_thread_ids")):
            if len(self.threads) < MAX_SESSIONS:
                self.threads.add(one_line(thread, 100))

    def verdict(self, finished: Finished) -> Report:
        if self._ended != "completed":
            words = self._error or error_text(finished)
            return provider.failure(words, f"the turn did not complete, {exit_words(finished)}")
        if not self.answer:
            if not self._has_items and self.tokens is not None and self.tokens.output:
                return provider.refused()  # it answered, and did not show the answer
            # A used-up quota can end as a completed turn without an answer.
            return provider.failure(self._error, "") if self._error else Report("failed", message="no answer")
        if finished.has_failed:
            return Report("failed", message=f"answered, but ended with {exit_words(finished)}")
        return Report("success", message=self.answer)
