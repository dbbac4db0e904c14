"""Adapter of `pi`: its print mode with JSON events; usage and cost of each message, exit code 0 whatever happens."""

import json
from typing import Any, Final

from workers.gateway.providers import Provider, provider_named
from workers.toolchains import provider
from workers.toolchains.base import Finished, Invocation, Report, RoundContext
from workers.toolchains.endpoint import bare_model, reach
from workers.toolchains.pricing import Tokens
from workers.toolchains.program import (
    Usage,
    error_text,
    exit_words,
    network,
    priced,
    silence,
)
from workers.toolchains.stream import StreamToolchain
from workers.toolchains.surroundings import environment
from workers.toolchains.untrusted import count, dollars, mapping, one_line, sequence

_OWN_NAMES: Final = {"gemini": "google", "moonshot": "moonshotai"}
"""The program's names of providers, where they differ from ours."""
_BUILT_IN: Final = (
    "anthropic",
    "openai",
    "gemini",
    "deepseek",
    "groq",
    "mistral",
    "moonshot",
    "openrouter",
    "xai",
    "zai",
)
"""Our names of the providers whose models the program knows; any other one is declared to it."""


def _tokens(usage: dict[str, Any]) -> Tokens | None:
    """Token counts of a message: the cached ones are counted apart from the input."""
    given, out = count(usage.get("input")), count(usage.get("output"))
    if given is None or out is None:
        return None
    return Tokens(given, count(usage.get("cacheRead")) or 0, count(usage.get("cacheWrite")) or 0, out)


class PiTally:
    """Accumulator of the messages of the model: their usage, the last answer, the last error."""

    def __init__(self) -> None:
        self.answer = ""
        self.trouble = ""
        """What went wrong with the last call of the model; empty where it succeeded."""
        self._reason: object = None
        self._ends = 0
        self._is_at_work = True
        self._is_open = False
        self._is_partial = False
        self._usd: float | None = None
        self._tokens: Tokens | None = None
        self._unpriced = False
        self._has_worked = False

    @property
    def result_count(self) -> int | None:
        """The number of final answers; None while work continues, or after an error that it may retry."""
        return None if self._is_at_work or self.trouble else self._ends

    def feed(self, event: dict[str, Any]) -> None:
        message = mapping(event.get("message"))
        match event.get("type"):
            case "message_start" if message.get("role") == "assistant":
                self._is_at_work = self._is_open = True
            case "message_end" if message.get("role") == "assistant":
                self._message(message)
            case "agent_end":
                self._is_at_work, self._ends = False, self._ends + 1
            case "agent_start" | "turn_start" | "auto_retry_start" | "tool_execution_start":
                self._is_at_work = True
            case "compaction_start":
                # A summary is a call of the model whose usage is in no event.
                self._is_at_work = self._is_partial = True

    def _message(self, message: dict[str, Any]) -> None:
        self._is_open = False
        self._reason = message.get("stopReason")
        usage = mapping(message.get("usage"))
        usd, tokens = dollars(mapping(usage.get("cost")).get("total")), _tokens(usage)
        failed = self._reason in ("error", "aborted")
        if tokens:
            self._tokens = (self._tokens or Tokens()) + tokens
            self._usd = (self._usd or 0.0) + (usd or 0.0)
            self._unpriced = self._unpriced or not usd
        if failed:
            self.trouble = one_line(message.get("errorMessage")) or "error"
            self.answer = ""
            # What arrived before the error may have been charged without being counted.
            self._is_partial = self._is_partial or bool(tokens) or provider.broke_off(self.trouble)
            return
        self.trouble, self._has_worked = "", True
        self._is_partial = self._is_partial or not tokens
        texts = [one_line(mapping(part).get("text")) for part in sequence(message.get("content"))]
        self.answer = " ".join(text for text in texts if text)

    def usage(self, model: str | None) -> Usage:
        """The program's own cost; its tokens are priced where it does not know the price of a model."""
        is_partial = self._is_partial or self._is_open or (self._is_at_work and not self.trouble)
        usd = None if self._unpriced else self._usd
        return priced(model, self._tokens, usd, has_worked=self._has_worked, is_partial=is_partial)

    def verdict(self, finished: Finished) -> Report:
        if self.trouble:
            return provider.failure(self.trouble, "error")
        if self._is_at_work or not self.answer:
            words = error_text(finished)
            if provider.is_provider_failure(words):
                return provider.failure(words, "")
            return Report("failed", message=one_line(f"no answer, {exit_words(finished)} {words}"))
        if self._reason == "length":
            return Report("failed", message="the answer was cut off at the model's output limit")
        if finished.has_failed:
            return Report("failed", message=f"answered, but ended with {exit_words(finished)}")
        return Report("success", message=self.answer)


class Pi(StreamToolchain):
    """pi: the prompt on standard input, a configuration directory of its own for each round.

    Extensions are off: one in the repository's `.pi` could send the key elsewhere. Its settings file cannot: base
    URLs are read from the configuration directory alone.
    """

    name = "pi"
    program = "pi"
    tally = PiTally

    def invocation(self, context: RoundContext) -> Invocation:
        owner = provider_named(self.provider(context.ref) or "")
        own_name = _OWN_NAMES.get(owner.name, owner.name)
        argv = [self.program, "-p", "--mode", "json", "--offline", "--no-session", "--no-extensions"]
        model = bare_model(context.ref.model, owner.name)
        if owner.name:
            argv += ["--provider", own_name]
        if model is not None:
            argv += ["--model", model]
        key = owner.keys[0]
        access = reach(context, url=(), key=(key,))
        config = context.out / "pi"
        config.mkdir(exist_ok=True)
        models = self._models(context, owner, model)
        config.joinpath("models.json").write_text(json.dumps({"providers": models}))
        return Invocation(
            argv=tuple(argv),
            env=environment(
                context, PI_CODING_AGENT_DIR=str(config), PI_OFFLINE="1", PI_TELEMETRY="0", **access.env
            ),
            stdin=context.prompt,
            secrets=access.secrets if owner.name else (),
            network=network(context),
            no_output_seconds=silence(context.ref),
        )

    @staticmethod
    def _models(context: RoundContext, owner: Provider, model: str | None) -> dict[str, Any]:
        """The program's table of providers: base URL, and for one that it does not know also dialect and model."""
        url = None if context.endpoint is None else context.endpoint.url
        if owner.name in _BUILT_IN:
            return (
                {}
                if url is None
                else {_OWN_NAMES.get(owner.name, owner.name): {"baseUrl": _base(owner, url)}}
            )
        if (url := url or owner.base_url) == "" or model is None:
            return {}
        entry = {
            "baseUrl": url,
            "api": "openai-completions",
            "apiKey": owner.keys[0],
            "models": [{"id": model}],
        }
        return {owner.name: entry}


def _base(owner: Provider, url: str) -> str:
    """The base URL in the program's own convention, which differs for two of its clients."""
    match owner.name:
        case "gemini":
            return f"{url}/v1beta"
        case "mistral":
            return url.removesuffix("/v1")
    return url
