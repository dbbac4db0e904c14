"""`claude`: Claude Code in print mode, read from its stream of JSON lines."""

import re
from pathlib import Path
from typing import Any

from workers.toolchains import provider
from workers.toolchains.base import Finished, Invocation, Report, RoundContext
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.pricing import Tokens, price
from workers.toolchains.program import (
    Program,
    Usage,
    decimal_usd,
    error_text,
    exit_words,
    finish,
    network,
    silence,
)
from workers.toolchains.surroundings import environment
from workers.toolchains.untrusted import count, dollars, mapping, one_line, sequence

# The CLI reports a failed API call as a result of subtype "success", at times with is_error false.
_API_WORDS = re.compile(
    r"\s*(API Error|Claude( AI)? usage limit|You've hit your|You have hit your|Credit balance is too low"
    r"|Invalid API key|Not logged in|Your organization has disabled)",
    re.IGNORECASE,
)


def _tokens(usage: dict[str, Any]) -> Tokens | None:
    counts = [
        count(usage.get(name))
        for name in (
            "input_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "output_tokens",
        )
    ]
    if counts[0] is None and counts[3] is None:
        return None
    return Tokens(*(value or 0 for value in counts))


class ClaudeTally:
    """The last result, and the last usage of each message for a run that never came to a result."""

    def __init__(self) -> None:
        self.result: dict[str, Any] | None = None
        self._usd: float | None = None
        self._messages: dict[str, tuple[str | None, Tokens]] = {}
        self._api_error = ""

    def feed(self, event: dict[str, Any]) -> None:
        if event.get("type") == "result":
            self.result = event
            usd = dollars(event.get("total_cost_usd"))
            # A later result may say less; what was spent stays spent.
            self._usd = usd if self._usd is None else max(self._usd, usd or 0.0)
        elif event.get("type") == "assistant":
            self._assistant(event)

    def _assistant(self, event: dict[str, Any]) -> None:
        message = mapping(event.get("message"))
        model = message.get("model")
        if event.get("is_api_error_message") is True or event.get("isApiErrorMessage") is True:
            self._api_error = one_line(event.get("error")) or "API error"
        elif model != "<synthetic>":
            self._api_error = ""
        tokens = _tokens(mapping(message.get("usage")))
        if tokens is not None and model != "<synthetic>":
            # One line a content block, all with the id and (growing) usage of the same call.
            key = message.get("id")
            name = key if isinstance(key, str) else f"#{len(self._messages)}"
            self._messages[name] = (model if isinstance(model, str) else None, tokens)

    def usage(self) -> Usage:
        """The result's own figures, or else what the messages add up to: a lower bound."""
        result = self.result or {}
        tokens = _tokens(mapping(result.get("usage")))
        seen = list(self._messages.values())
        if tokens is None and seen:
            tokens = sum((each for _, each in seen), Tokens())
        prices = [price(model, each) for model, each in seen]
        known = [amount for amount in prices if amount is not None]
        return Usage(self._usd, sum(known) if known and len(known) == len(prices) else None, tokens)

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
        words = text or " ".join(one_line(each) for each in sequence(result.get("errors")))
        status = result.get("api_error_status")
        if status is not None or result.get("terminal_reason") == "api_error" or self._api_error:
            return provider.failure(words or self._api_error, f"API error {one_line(str(status))}")
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


class Claude(Program):
    """Claude Code: the prompt on standard input, a configuration directory of its own."""

    name = "claude"
    program = "claude"

    def __init__(self) -> None:
        self._follower = Follower(ClaudeTally)

    def invocation(self, context: RoundContext) -> Invocation:
        argv = [self.program, "-p", "--verbose", "--output-format", "stream-json"]
        argv += ["--permission-mode", "bypassPermissions"]
        if context.ref.model is not None:
            argv += ["--model", context.ref.model]
        if context.ref.max_turns is not None:
            argv += ["--max-turns", str(context.ref.max_turns)]
        argv += ["--max-budget-usd", decimal_usd(context.max_micro_usd)]
        # Of this round alone: at a place that lasts, an earlier round may have put a file or a link.
        config = context.out / "claude"
        config.mkdir(exist_ok=True)
        return Invocation(
            argv=tuple(argv),
            env=environment(
                context,
                CLAUDE_CONFIG_DIR=str(config),
                CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
                DISABLE_AUTOUPDATER="1",
                # It refuses bypassPermissions as root unless told that it runs in a disposable place.
                IS_SANDBOX="1",
            ),
            stdin=context.prompt,
            secrets=("ANTHROPIC_API_KEY",),
            network=network(context.ref),
            no_output_seconds=silence(context.ref),
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).usage().spent

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, ClaudeTally())
        return finish(finished, tally.verdict(finished), tally.usage())
