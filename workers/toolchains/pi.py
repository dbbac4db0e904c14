"""Adapter of `pi`: its print mode with JSON events and usage of each message; exit code 0 also where all calls fail."""

import json
import re
from typing import Any, Final

from workers.gateway.providers import Provider, provider_named
from workers.prices.tokens import Tokens
from workers.toolchains import provider
from workers.toolchains.base import Finished, Invocation, Report, RoundContext
from workers.toolchains.calls import CallTotal
from workers.toolchains.endpoint import bare_model, reach
from workers.toolchains.program import (
    Usage,
    error_text,
    exit_words,
    network,
    silence,
)
from workers.toolchains.stream import StreamToolchain
from workers.toolchains.surroundings import environment
from workers.untrusted import count, mapping, one_line, sequence

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


_STOPPED_BY_MODEL = re.compile(r"^An unknown error occurred$|finish_reason: content_filter")
"""How the program reports an answer that ended with a refusal or a content filter."""


def _tokens(usage: dict[str, Any]) -> Tokens | None:
    """Token counts of a message: the cached ones are counted apart from the input."""
    given, out = count(usage.get("input")), count(usage.get("output"))
    if given is None or out is None:
        return None
    return Tokens(given, count(usage.get("cacheRead")) or 0, count(usage.get("cacheWrite")) or 0, out)


class PiTally:
    """Accumulator of the messages of the model: their usage, the last answer, the last error."""

    def __init__(self) -> None:
        self.trouble = ""
        """What went wrong with the last call of the model; empty where it succeeded."""
        self._calls = CallTotal()
        self._answer = ""
        self._reason: object = None
        self._ends = 0
        self._is_at_work = True
        self._is_open = False
        self._is_partial = False
        self._has_worked = False
        self._is_refused = False

    @property
    def result_count(self) -> int | None:
        """The number of final answers; None while work continues, or after an error that it may retry."""
        return None if self._is_at_work or self.trouble else self._ends

    def feed(self, event: dict[str, Any]) -> None:
        is_answer = mapping(event.get("message")).get("role") == "assistant"
        match event.get("type"):
            case "message_start" if is_answer:
                self._is_at_work = self._is_open = True
            case "message_end" if is_answer:
                self._message(mapping(event.get("message")))
            case "agent_end":
                self._is_at_work, self._ends = False, self._ends + 1
            case "agent_start" | "turn_start" | "auto_retry_start" | "tool_execution_start":
                self._is_at_work = True
            case "compaction_start":
                # A summary is a call of the model whose usage is in no event.
                self._is_at_work = self._is_partial = True

    def _message(self, message: dict[str, Any]) -> None:
        tokens = _tokens(mapping(message.get("usage"))) or Tokens()
        owner = one_line(message.get("provider"), 40)
        self._calls.add(one_line(message.get("model"), 200), tokens, provider_named(owner).name)
        self._is_open, self._reason = False, message.get("stopReason")
        if self._reason in ("error", "aborted"):
            self._failed(one_line(message.get("errorMessage")) or "error", bool(tokens))
            return
        self.trouble, self._has_worked, self._is_refused = "", True, False
        self._is_partial = self._is_partial or not tokens
        texts = [one_line(mapping(part).get("text")) for part in sequence(message.get("content"))]
        self._answer = " ".join(text for text in texts if text)

    def _failed(self, words: str, is_counted: bool) -> None:
        self._answer, self.trouble = "", words
        self._is_refused = is_counted and _STOPPED_BY_MODEL.search(words) is not None
        if not self._is_refused:
            # What arrived before the error may have been charged without being counted.
            self._is_partial = self._is_partial or is_counted or provider.broke_off(words)

    def usage(self, model: str | None) -> Usage:
        is_partial = self._is_partial or self._is_open or (self._is_at_work and not self.trouble)
        return self._calls.usage(has_worked=self._has_worked, is_partial=is_partial)

    def verdict(self, finished: Finished) -> Report:
        if self._is_refused:
            return provider.refused()
        if self.trouble:
            return provider.failure(self.trouble, "error")
        if self._is_at_work or not self._answer:
            words = error_text(finished)
            if provider.is_provider_failure(words):
                return provider.failure(words, "")
            return Report("failed", message=one_line(f"no answer, {exit_words(finished)} {words}"))
        if self._reason == "length":
            return Report("failed", message="the answer was cut off at the model's output limit")
        if finished.has_failed:
            return Report("failed", message=f"answered, but ended with {exit_words(finished)}")
        return Report("success", message=self._answer)


class Pi(StreamToolchain):
    """pi: the prompt on standard input, a configuration directory of its own for each round.

    Its own cost is not used: for a model that it does not know, it takes another's prices.

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
