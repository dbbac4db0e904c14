"""Parser of Claude Code's stream of JSON lines: results, usage, provider errors, and whether it is done."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workers.prices.table import price, price_sum
from workers.prices.tokens import Tokens, highest
from workers.toolchains import provider
from workers.toolchains.base import Finished, Report
from workers.toolchains.program import Usage, error_text, exit_words
from workers.untrusted import count, dollars, mapping, one_line, sequence

_USAGE = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
_MODEL_USAGE = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "outputTokens")
# The CLI reports a failed API call as a result of subtype "success", at times with is_error false.
_API_WORDS = re.compile(
    r"\s*(API Error|Claude( AI)? usage limit|You've hit your|You have hit your|Credit balance is too low"
    r"|Invalid API key|Not logged in|Your organization has disabled)",
    re.IGNORECASE,
)


_BACKGROUND = "local_bash"
"""The kind of task that is a command in the background: unlike a sub-agent, it brings no further answer."""
_WORK = ("init", "api_retry", "task_started", "task_notification")
_MAX_TASKS = 1000


def _tokens(usage: dict[str, Any], names: tuple[str, str, str, str] = _USAGE) -> Tokens | None:
    counts = [count(usage.get(name)) for name in names]
    if counts[0] is None and counts[3] is None:
        return None
    given, read, written, out = (value or 0 for value in counts)
    hour = min(count(mapping(usage.get("cache_creation")).get("ephemeral_1h_input_tokens")) or 0, written)
    return Tokens(given, read, written - hour, out, cache_write_1h=hour)


@dataclass(frozen=True)
class _Message:
    """One answer of the model; while it is streamed, its output is not counted yet."""

    model: str | None
    tokens: Tokens
    """Without any input the provider reported no usage: the numbers are the program's own, and no count."""
    is_main: bool
    """Whether it is the main agent's, not a sub-agent's."""
    is_whole: bool
    """Whether it arrived in one piece: the program requests that after an interrupted stream."""


class ClaudeTally:
    """Results and the last usage of each message; totals count from a session's start, so the highest are kept."""

    def __init__(self) -> None:
        self.result: dict[str, Any] | None = None
        """The last result after at least one turn."""
        self.trouble = ""
        """What went wrong with the last call of the model; empty where it succeeded."""
        self._results = 0
        self._is_at_work = True
        self._tasks: set[str] = set()
        self._is_counted = True
        self._delegates = False
        self._is_requesting = False
        self._is_broken = False
        """Whether an answer may have been charged in part: its stream was interrupted."""
        self._open: dict[str, str] = {}
        """The id of the message that is being streamed, by the sub-agent's id; empty for the main agent."""
        self._usd: dict[str, float] = {}
        self._totals: dict[str, dict[str, Tokens | None]] = {}
        self._messages: dict[str, _Message] = {}
        self._api_error = ""
        self._result_error = ""

    @property
    def result_count(self) -> int | None:
        """The number of results; None while work continues after the last one."""
        return None if self._is_at_work or self._tasks else self._results

    @property
    def is_awaiting(self) -> bool:
        """Whether its last event is a request to the model, or a part of an answer: a silence is the provider's."""
        return self._is_requesting or bool(self._open)

    def feed(self, event: dict[str, Any]) -> None:
        self._is_requesting = event.get("subtype") == "status" and event.get("status") == "requesting"
        self._delegates = self._delegates or event.get("parent_tool_use_id") is not None
        match event.get("type"):
            case "result":
                self._result(event)
            case "assistant":
                self._assistant(event)
            case "stream_event":
                self._stream(event)
            case "user":
                self._is_at_work = True
            case "system":
                self._system(event)

    def _result(self, event: dict[str, Any]) -> None:
        self._results += 1
        self._is_at_work, self._is_counted = False, True
        if self.result is None or _has_worked(event):
            self.result, self._result_error = event, self._api_error
        session = one_line(event.get("session_id"), 100)
        usd = dollars(event.get("total_cost_usd"))
        if usd is not None:
            self._usd[session] = max(usd, self._usd.get(session, 0.0))
        totals = self._totals.setdefault(session, {})
        for model, used in mapping(event.get("modelUsage")).items():
            totals[model] = highest(totals.get(model), _tokens(mapping(used), _MODEL_USAGE))

    def _assistant(self, event: dict[str, Any]) -> None:
        message = mapping(event.get("message"))
        model = message.get("model")
        if event.get("is_api_error_message") is True or event.get("isApiErrorMessage") is True:
            self._api_error = self.trouble = one_line(event.get("error")) or "API error"
        elif model == "<synthetic>":
            self.trouble = one_line(event.get("error")) or self.trouble
        else:
            self._is_at_work, self._api_error, self.trouble = True, "", ""
            self._is_counted = False
            self._message(message, is_main=event.get("parent_tool_use_id") is None)

    def _message(self, message: dict[str, Any], *, is_main: bool) -> None:
        tokens, model, key = _tokens(mapping(message.get("usage"))), message.get("model"), message.get("id")
        if tokens is None:
            return
        # The CLI prints one line a content block; the lines of one message carry the same call.
        name = key if isinstance(key, str) else f"#{len(self._messages)}"
        before = self._messages.get(name)
        self._messages[name] = _Message(
            model if isinstance(model, str) else None,
            tokens if before is None else highest(tokens, before.tokens) or tokens,
            is_main,
            message.get("stop_reason") is not None,
        )

    def _stream(self, event: dict[str, Any]) -> None:
        """A partial message: it alone has the output tokens of an answer before the result does."""
        self._is_at_work = True
        part, agent = mapping(event.get("event")), one_line(event.get("parent_tool_use_id"), 100)
        match part.get("type"):
            case "message_start":
                message = mapping(part.get("message"))
                self._is_broken = self._is_broken or agent in self._open
                if len(self._open) < _MAX_TASKS:
                    self._open[agent] = one_line(message.get("id"), 100)
                self._message(message, is_main=not agent)
            case "message_delta":
                self._count(self._open.get(agent), _tokens(mapping(part.get("usage"))))
                # The program closes an interrupted message itself, without the reason why it stopped.
                if mapping(part.get("delta")).get("stop_reason") is not None:
                    self._open.pop(agent, None)

    def _count(self, name: str | None, tokens: Tokens | None) -> None:
        """Raise the counts of a message that is being streamed: each event repeats all of them or the output alone."""
        before = None if name is None else self._messages.get(name)
        if name is not None and before is not None:
            now = highest(before.tokens, tokens) or before.tokens
            # It does not show for how long the cache was written.
            kinds = {"cache_write": before.tokens.cache_write, "cache_write_1h": before.tokens.cache_write_1h}
            self._messages[name] = replace(before, tokens=replace(now, **kinds))

    def _system(self, event: dict[str, Any]) -> None:
        kind, task = event.get("subtype"), one_line(event.get("task_id"))
        if kind in _WORK:
            self._is_at_work = True
        if kind == "api_retry":
            words = (event.get("error_status"), event.get("error"))
            self.trouble = one_line(" ".join(str(each) for each in words if each is not None)) or "API retry"
            # Without a status there was no answer to the request, or one that broke off.
            self._is_broken = self._is_broken or event.get("error_status") is None
        elif kind == "task_started" and event.get("task_type") != _BACKGROUND:
            self._delegates = True
            if len(self._tasks) < _MAX_TASKS:
                self._tasks.add(task)
        elif kind == "task_notification" or mapping(event.get("patch")).get("end_time") is not None:
            self._tasks.discard(task)

    def usage(self) -> Usage:
        """Usage by the results' own figures, or else the sum over the messages: a lower bound."""
        result = self.result or {}
        reported = _tokens(mapping(result.get("usage")))
        used = [(model, tokens) for each in self._totals.values() for model, tokens in each.items() if tokens]
        seen = [(each.model, each.tokens) for each in self._messages.values() if each.tokens.total_in]
        total = highest(_sum(used), reported)
        counts_sub_agents = bool(used) or any(self._usd.values())
        return Usage(
            sum(self._usd.values()) if self._usd else None,
            _sum_of_prices(used) if any(self._totals.values()) else self._priced(reported, seen),
            _sum(seen) if total is None else total,
            has_worked=bool(self._messages) or self.has_answered,
            is_partial=self.result is None
            or not self._is_counted
            or bool(self._tasks or self._open)
            or self._is_broken
            or len(seen) < len(self._messages)
            or (self._delegates and not counts_sub_agents)
            or self._lacks_a_call(reported),
        )

    def _priced(self, reported: Tokens | None, seen: Sequence[tuple[str | None, Tokens]]) -> int | None:
        """Micro-dollars without totals by model: of the result's sum where it is of one model, or of each message."""
        models = {each.model for each in self._messages.values()}
        if reported is not None and len(models) == 1:
            return _sum_of_prices([(models.pop(), reported)])
        return _sum_of_prices(seen, price)

    @property
    def has_answered(self) -> bool:
        """Whether there is a result that is no failure."""
        return self.result is not None and self._judge(self.result).status in ("success", "partial")

    def _lacks_a_call(self, reported: Tokens | None) -> bool:
        """Whether an answer's stream was interrupted: its cost is not reported.

        The answer is requested again in one piece, and the result's `usage` counts neither; or the program ends with
        the error.
        """
        main = [each for each in self._messages.values() if each.is_main]
        total = sum(each.tokens.total_in for each in main)
        if reported is not None and any(each.is_whole for each in main) and reported.total_in < total:
            return True
        result = self.result or {}
        return result.get("is_error") is True and provider.broke_off(one_line(result.get("result")))

    def verdict(self, finished: Finished) -> Report:
        if self.result is None:
            words = error_text(finished)
            return provider.failure(words, f"no result, {exit_words(finished)}")
        return self._judge(self.result)

    def _judge(self, result: dict[str, Any]) -> Report:
        text = one_line(result.get("result"))
        match result.get("subtype"):
            case "error_max_budget_usd":
                return Report("error", "killed_by_cap", "stopped at its own money limit (--max-budget-usd)")
            case "error_max_turns":
                return Report("partial", message="stopped at its turn limit (--max-turns)")
        if result.get("stop_reason") == "refusal":
            return provider.refused(text)
        words = text or " ".join(one_line(each) for each in sequence(result.get("errors")))
        status = result.get("api_error_status")
        if status is not None or result.get("terminal_reason") == "api_error" or self._result_error:
            return provider.failure(words or self._result_error, f"API error {one_line(str(status))}")
        if result.get("is_error") is not False or result.get("subtype") != "success":
            return provider.failure(words, "the program reported an error")
        if _API_WORDS.match(text):
            return provider.failure(text, "API error")
        if not text:
            return Report("failed", message="the answer is empty")
        denied = sequence(result.get("permission_denials"))
        if denied:
            tools = sorted({one_line(mapping(each).get("tool_name"), 40) for each in denied})
            return Report("partial", message=one_line(f"{len(denied)} calls denied: {', '.join(tools)}"))
        return Report("success", message=text)


def _has_worked(result: dict[str, Any]) -> bool:
    """Whether a result has any turn: one for an empty queue, or at the program's own end, has none."""
    turns = count(result.get("num_turns"))
    if turns is None:
        return result.get("is_error") is False or bool(_tokens(mapping(result.get("usage"))))
    return turns > 0


def _sum(used: Sequence[tuple[str | None, Tokens]]) -> Tokens | None:
    return sum((tokens for _, tokens in used), Tokens()) if used else None


def _sum_of_prices(
    used: Sequence[tuple[str | None, Tokens]],
    price_one: Callable[[str | None, Tokens], int | None] = price_sum,
) -> int | None:
    """Micro-dollars of all together; None where one of the models has no known price."""
    prices = [price_one(model, tokens) for model, tokens in used]
    known = [amount for amount in prices if amount is not None]
    return sum(known) if known and len(known) == len(prices) else None
