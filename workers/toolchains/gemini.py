"""Adapter of `gemini`: Gemini CLI, headless with a JSON stream; it reports the tokens of the session at its end."""

import json
import re
from typing import Any, Final

from workers.gateway.providers import PROVIDERS
from workers.prices.table import price_sum
from workers.prices.tokens import Tokens
from workers.toolchains import provider
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.calls import may_reach_a_dearer_tier
from workers.toolchains.dotenv import pinned
from workers.toolchains.endpoint import bare_model, reach
from workers.toolchains.program import Usage, error_text, exit_words, network, silence
from workers.toolchains.stream import StreamToolchain
from workers.toolchains.surroundings import environment
from workers.untrusted import count, mapping, one_line

_PROVIDER: Final = "gemini"
_TURN_LIMIT: Final = 53
"""Exit code at its own limit of turns."""
_BLOCKED = re.compile(r"response was blocked due to")
_EMPTY = re.compile(r"returned an empty response")


def _tokens(stats: dict[str, Any]) -> Tokens | None:
    """Token counts of a session: the input includes the cached, the output leaves out the thinking."""
    total, given = count(stats.get("total_tokens")), count(stats.get("input_tokens"))
    if total is None or given is None:
        return None
    cached = min(count(stats.get("cached")) or 0, given)
    return Tokens(input=given - cached, cached=cached, output=max(total - given, 0))


class GeminiTally:
    """Accumulator of the answer and of the result, which has the usage by model."""

    def __init__(self) -> None:
        self.trouble = ""
        """What went wrong with the last call of the model; empty where it succeeded."""
        self._answer = ""
        self._results = 0
        self._is_success = False
        self._used: dict[str, Tokens] = {}
        self._total: Tokens | None = None

    @property
    def result_count(self) -> int | None:
        """1 after the result."""
        return self._results or None

    def feed(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "message" if event.get("role") == "assistant":
                self._answer = (self._answer + one_line(event.get("content")))[-300:]
                self.trouble = ""
            case "tool_use" | "tool_result":
                self._answer = self.trouble = ""
            case "error":
                self.trouble = one_line(event.get("message")) or "error"
            case "result":
                self._result(event)

    def _result(self, event: dict[str, Any]) -> None:
        self._results += 1
        self._is_success = event.get("status") == "success"
        if not self._is_success:
            self.trouble = one_line(mapping(event.get("error")).get("message")) or self.trouble or "error"
        stats = mapping(event.get("stats"))
        self._total = _tokens(stats)
        models = mapping(stats.get("models"))
        self._used = {name: tokens for name, each in models.items() if (tokens := _tokens(mapping(each)))}

    def usage(self, model: str | None) -> Usage:
        """The tokens of all models, priced; only the sum of the calls is known."""
        used = self._used or ({model: self._total} if model and self._total else {})
        amounts = [price_sum(name, tokens, _PROVIDER) for name, tokens in used.items()]
        known = [amount for amount in amounts if amount is not None]
        return Usage(
            priced=sum(known) if known and len(known) == len(amounts) else None,
            tokens=self._total,
            has_worked=bool(self._answer) and not self.trouble,
            is_partial=not self._results
            or any(may_reach_a_dearer_tier(name, tokens, _PROVIDER) for name, tokens in used.items()),
        )

    def verdict(self, finished: Finished) -> Report:
        if finished.exit_code == _TURN_LIMIT:
            return Report("partial", message="stopped at its turn limit (model.maxSessionTurns)")
        if _BLOCKED.search(self.trouble):
            return provider.refused(self.trouble)
        if _EMPTY.search(self.trouble):
            return Report("failed", message="no answer")
        if self.trouble:
            return provider.failure(self.trouble, "error")
        if not self._is_success or not self._answer:
            words = error_text(finished)
            if provider.is_provider_failure(words):
                return provider.failure(words, "")
            return Report("failed", message=one_line(f"no answer, {exit_words(finished)} {words}"))
        if finished.has_failed:
            return Report("failed", message=f"answered, but ended with {exit_words(finished)}")
        return Report("success", message=self._answer)


class Gemini(StreamToolchain):
    """Gemini CLI: the prompt on standard input, a directory of its own for settings in each round.

    The workspace must be trusted, or it asks questions; a trusted one may bring `.env` files and settings. The base URL
    and what else could redirect calls are always set, which such a file cannot change; from its settings, which may
    name servers for tools, only the gateway protects the key.
    """

    name = "gemini"
    program = "gemini"
    tally = GeminiTally
    capability = Capability(metered=True, max_turns=True, dialects=("gemini",))
    default_provider = _PROVIDER

    def invocation(self, context: RoundContext) -> Invocation:
        argv = [self.program, "--yolo", "--output-format", "stream-json"]
        model = bare_model(context.ref.model, _PROVIDER)
        if model is not None:
            argv += ["--model", model]
        home = context.out / "gemini"
        settings = home / ".gemini" / "settings.json"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps(_settings(context.ref.max_turns)))
        url = PROVIDERS[_PROVIDER].base_url
        access = reach(context, url=("GOOGLE_GEMINI_BASE_URL",), key=("GEMINI_API_KEY",))
        fixed = {"GOOGLE_GEMINI_BASE_URL": url, **access.env}
        return Invocation(
            argv=tuple(argv),
            env=environment(
                context,
                GEMINI_CLI_HOME=str(home),
                GEMINI_CLI_TRUST_WORKSPACE="true",
                GEMINI_CLI_NO_RELAUNCH="true",
                GOOGLE_GENAI_USE_VERTEXAI="false",
                GOOGLE_API_KEY="",
                **pinned(context),
                **fixed,
            ),
            stdin=context.prompt,
            secrets=access.secrets,
            network=network(context),
            no_output_seconds=silence(context.ref),
        )


def _settings(max_turns: int | None) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "telemetry": {"enabled": False},
    }
    return settings if max_turns is None else {**settings, "model": {"maxSessionTurns": max_turns}}
