"""`opencode`: its run command with JSON events, one `step_finish` for each call of the model."""

from pathlib import Path
from typing import Any

from workers.toolchains import provider
from workers.toolchains.base import Finished, Invocation, Report, RoundContext
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.pricing import Tokens
from workers.toolchains.program import (
    Program,
    Usage,
    error_text,
    exit_words,
    finish,
    network,
    priced,
    prompt_argument,
    silence,
)
from workers.toolchains.surroundings import environment
from workers.toolchains.untrusted import count, dollars, mapping, one_line


def _tokens(told: dict[str, Any]) -> Tokens | None:
    """Reasoning is billed as output but counted beside it; the cache is counted beside the input."""
    cache = mapping(told.get("cache"))
    given, out = count(told.get("input")), count(told.get("output"))
    if given is None or out is None:
        return None
    return Tokens(
        input=given,
        cached=count(cache.get("read")) or 0,
        cache_write=count(cache.get("write")) or 0,
        output=out + (count(told.get("reasoning")) or 0),
    )


def _error_words(event: dict[str, Any]) -> str:
    error = mapping(event.get("error"))
    data = mapping(error.get("data"))
    parts = [error.get("name"), data.get("statusCode"), data.get("message") or error.get("message")]
    return one_line(" ".join(str(part) for part in parts if part is not None)) or "error"


class OpencodeTally:
    """Steps, their costs, the last text and the last error."""

    def __init__(self) -> None:
        self.answer = ""
        self.error = ""
        self._reason: object = None
        self._usd: float | None = None
        self._unpriced = False
        self._tokens: Tokens | None = None

    def feed(self, event: dict[str, Any]) -> None:
        part = mapping(event.get("part"))
        match event.get("type"):
            case "text":
                self.answer = one_line(part.get("text")) or self.answer
            case "error":
                self.error, self.answer = _error_words(event), ""
            case "step_finish":
                self._step(part)

    def _step(self, part: dict[str, Any]) -> None:
        usd, tokens = dollars(part.get("cost")), _tokens(mapping(part.get("tokens")))
        if usd is None:
            self._unpriced = True
        else:
            self._usd = (self._usd or 0.0) + usd
        if tokens is not None:
            self._tokens = (self._tokens or Tokens()) + tokens
        self._reason = part.get("reason")
        if self.error and self.answer and self._reason == "stop":
            self.error = ""  # a call that failed, was tried again and came to its end

    def usage(self, model: str | None) -> Usage:
        """One step without a cost makes the sum unknown."""
        return priced(model, self._tokens, None if self._unpriced else self._usd)

    def verdict(self, finished: Finished) -> Report:
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


class Opencode(Program):
    """opencode: the prompt as an argument, the model named `provider/model`."""

    name = "opencode"
    program = "opencode"

    def __init__(self) -> None:
        self._follower = Follower(OpencodeTally)

    def invocation(self, context: RoundContext) -> Invocation:
        model = () if context.ref.model is None else (f"--model={context.ref.model}",)
        flags = ("run", "--format=json", "--dangerously-skip-permissions")
        return Invocation(
            argv=(self.program, *model, *flags, "--", prompt_argument(context)),
            env=environment(
                context,
                XDG_CONFIG_HOME=str(context.home / ".config"),
                XDG_DATA_HOME=str(context.home / ".local" / "share"),
                OPENCODE_DISABLE_AUTOUPDATE="1",
            ),
            secrets=provider.secret_names(context.ref.model),
            network=network(context.ref),
            no_output_seconds=silence(context.ref),
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).usage(context.ref.model).spent

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, OpencodeTally())
        return finish(finished, tally.verdict(finished), tally.usage(context.ref.model))
