"""Adapter of `qwen`: Qwen Code, headless with a JSON stream; it reports success and exit code 0 where calls fail."""

import json
import re
from typing import Any, Final

from workers.gateway.providers import provider_named
from workers.prices.tokens import Tokens
from workers.toolchains import provider
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.calls import CallTotal
from workers.toolchains.dotenv import pinned
from workers.toolchains.endpoint import bare_model, reach
from workers.toolchains.program import Usage, error_text, exit_words, network, silence
from workers.toolchains.stream import StreamToolchain
from workers.toolchains.surroundings import environment
from workers.untrusted import count, mapping, one_line, sequence

_API_ERROR: Final = re.compile(r"\[API Error: (?P<words>.*?)\]?$")
"""A whole answer, or the end of one without tokens: its call failed, after the text before it if any."""
_NO_TEXT: Final = "Model stream ended with empty response text."
"""After an empty answer, requested several times, and after a refusal."""
_TURN_LIMIT: Final = 53
"""Exit code at its own limit of turns."""


def _tokens(usage: dict[str, Any]) -> Tokens | None:
    """Token counts of a call or a session: the input includes the cached."""
    given, out = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if given is None or out is None:
        return None
    cached = min(count(usage.get("cache_read_input_tokens")) or 0, given)
    return Tokens(input=given - cached, cached=cached, output=out)


class QwenTally:
    """Accumulator of the calls, the sub-agents' included, and of the result."""

    def __init__(self) -> None:
        self.trouble = ""
        """What went wrong with the last call of the model; empty where it succeeded."""
        self._calls = CallTotal()
        self._total: Tokens | None = None
        self._results = 0
        self._is_at_work = True
        self._result: dict[str, Any] = {}

    @property
    def result_count(self) -> int | None:
        """The number of results; None while it works."""
        return None if self._is_at_work else self._results

    def feed(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "assistant":
                self._is_at_work = True
                self._assistant(mapping(event.get("message")))
            case "user":
                self._is_at_work = True
            case "result":
                self._is_at_work, self._results = False, self._results + 1
                self._result = event
                self._total = _tokens(mapping(event.get("usage")))

    def _assistant(self, message: dict[str, Any]) -> None:
        # A call is printed as one line for each block; those before the last have no tokens.
        tokens = _tokens(mapping(message.get("usage"))) or Tokens()
        self._calls.add(one_line(message.get("model"), 200), tokens)
        for part in sequence(message.get("content")):
            text = mapping(part).get("text")
            match = _API_ERROR.search(one_line(text[-1000:], 1000)) if isinstance(text, str) else None
            self.trouble = match["words"] if match and (not tokens or match.start() == 0) else ""

    def usage(self, model: str | None) -> Usage:
        """The calls' tokens, each call priced; a lower bound where the session's total has more."""
        seen = self._calls.tokens or Tokens()
        is_short = self._total is not None and self._total.total_in + self._total.output > (
            seen.total_in + seen.output
        )
        return self._calls.usage(
            has_worked=self._results > 0 and not self.trouble,
            is_partial=not self._results or is_short or provider.broke_off(self.trouble),
        )

    def verdict(self, finished: Finished) -> Report:
        text = one_line(self._result.get("result"))
        if finished.exit_code == _TURN_LIMIT:
            return Report("partial", message="stopped at its turn limit (--max-session-turns)")
        if self.trouble == _NO_TEXT:
            return Report("failed", message="no answer")
        if self.trouble:
            return provider.failure(self.trouble, "error")
        if self._result.get("is_error") is not False or not text:
            words = one_line(mapping(self._result.get("error")).get("message")) or error_text(finished)
            if provider.is_provider_failure(words):
                return provider.failure(words, "")
            return Report("failed", message=one_line(f"no answer, {exit_words(finished)} {words}"))
        if finished.has_failed:
            return Report("failed", message=f"answered, but ended with {exit_words(finished)}")
        return Report("success", message=text)


class Qwen(StreamToolchain):
    """Qwen Code: the prompt on standard input, settings of its own above all others.

    The repository's `.qwen/settings.json` may name another base URL for the model, and its `.env` sets variables.
    System settings and variables that are set come before both.
    """

    name = "qwen"
    program = "qwen"
    tally = QwenTally
    capability = Capability(metered=True, max_turns=True, dialects=("openai",))
    default_provider = "qwen"

    def invocation(self, context: RoundContext) -> Invocation:
        owner = provider_named(self.provider(context.ref) or self.default_provider)
        key = owner.keys[0]
        access = reach(context, url=(), key=(key,))
        url = (
            owner.base_url
            if context.endpoint is None or context.endpoint.url is None
            else context.endpoint.url
        )
        argv = [self.program, "--yolo", "--output-format", "stream-json", "--auth-type", "openai"]
        model = bare_model(context.ref.model, owner.name)
        if model is not None:
            argv += ["--model", model]
        if context.ref.max_turns is not None:
            argv += ["--max-session-turns", str(context.ref.max_turns)]
        home = context.out / "qwen"
        home.mkdir(exist_ok=True)
        settings = home / "system-settings.json"
        settings.write_text(json.dumps(_settings(model, url, key)))
        return Invocation(
            argv=tuple(argv),
            env=environment(
                context,
                QWEN_HOME=str(home),
                QWEN_RUNTIME_DIR=str(home),
                QWEN_CODE_SYSTEM_SETTINGS_PATH=str(settings),
                OPENAI_BASE_URL=url,
                **pinned(context),
                **access.env,
            ),
            stdin=context.prompt,
            secrets=access.secrets,
            network=network(context),
            no_output_seconds=silence(context.ref),
        )


def _settings(model: str | None, url: str, key: str) -> dict[str, Any]:
    """System settings; the table of models replaces every other one."""
    models = [] if model is None else [{"id": model, "name": model, "envKey": key, "baseUrl": url}]
    return {
        "$version": 4,
        "general": {"enableAutoUpdate": False},
        "modelProviders": {"openai": models},
        "privacy": {"usageStatisticsEnabled": False},
        "security": {"auth": {"selectedType": "openai", "baseUrl": url}},
        "telemetry": {"enabled": False},
    }
