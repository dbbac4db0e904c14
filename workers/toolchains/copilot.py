"""Adapter of `copilot`: GitHub Copilot CLI with a model provider of one's own; tokens are in its OpenTelemetry file."""

from pathlib import Path
from typing import Any

from workers.gateway.providers import Provider, provider_named
from workers.prices.tokens import Tokens
from workers.toolchains import provider
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.calls import CallTotal
from workers.toolchains.endpoint import bare_model, reach
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.program import (
    ModelDrivenToolchain,
    Usage,
    error_text,
    exit_words,
    finish,
    network,
    prompt_argument,
    silence,
)
from workers.toolchains.surroundings import environment
from workers.untrusted import count, mapping, one_line, sequence

_FILTERED = "blocked by content filtering"
_NO_RESPONSE = "No response was returned"


class CopilotTally:
    """Accumulator of the events on standard output: answers, failed calls, the result; they have no tokens."""

    def __init__(self) -> None:
        self.trouble = ""
        """What went wrong with the last call of the model; empty where it succeeded."""
        self.calls = 0
        """Calls that succeeded."""
        self.broke_off = False
        """Whether an answer broke off, which is counted nowhere."""
        self.result_count: int | None = None
        """1 after the result."""
        self._answer = ""
        self._error = ""

    def feed(self, event: dict[str, Any]) -> None:
        data = mapping(event.get("data"))
        match event.get("type"):
            case "model.call_failure":
                self.trouble = _failure_words(data)
                self.broke_off = self.broke_off or data.get("statusCode") is None
            case "model.call_finished" if data.get("outcome") == "success":
                self.calls += 1
                self.trouble = self._error = ""
            case "assistant.message":
                self._answer = one_line(data.get("content"))
            case "session.error":
                self._error = one_line(data.get("message")) or "error"
            case "result":
                self.result_count = 1

    def verdict(self, finished: Finished, *, is_cut_off: bool) -> Report:
        """The report; `is_cut_off`: the last answer ended at the model's output limit."""
        if _FILTERED in self._answer:
            return provider.refused(self._answer)
        if self.trouble or (self._error and _NO_RESPONSE not in self._error):
            return provider.failure(f"{self._error} {self.trouble}".strip(), "error")
        if not self._answer or self.result_count is None:
            words = self._error or error_text(finished)
            if provider.is_provider_failure(words):
                return provider.failure(words, "")
            return Report("failed", message=one_line(f"no answer, {exit_words(finished)} {words}"))
        if is_cut_off:
            return Report("failed", message="the answer was cut off at the model's output limit")
        if finished.has_failed:
            return Report("failed", message=f"answered, but ended with {exit_words(finished)}")
        return Report("success", message=self._answer)


class CopilotSpans:
    """Accumulator of the OpenTelemetry file: a span for each call, with its tokens."""

    def __init__(self) -> None:
        self.total = CallTotal()
        self.counted = 0
        self.is_cut_off = False
        """Whether the last answer ended at the model's output limit."""

    def feed(self, event: dict[str, Any]) -> None:
        span = mapping(event.get("attributes"))
        if event.get("type") != "span" or span.get("gen_ai.operation.name") != "chat":
            return
        given = count(span.get("gen_ai.usage.input_tokens"))
        out = count(span.get("gen_ai.usage.output_tokens"))
        self.is_cut_off = "length" in sequence(span.get("gen_ai.response.finish_reasons"))
        if given is None or out is None:
            return
        cached = min(count(span.get("gen_ai.usage.cache_read.input_tokens")) or 0, given)
        written = min(count(span.get("gen_ai.usage.cache_write.input_tokens")) or 0, given - cached)
        tokens = Tokens(given - cached - written, cached, written, out)
        self.counted += bool(tokens)
        self.total.add(one_line(span.get("gen_ai.request.model"), 200), tokens)


class Copilot(ModelDrivenToolchain):
    """GitHub Copilot CLI, offline: GitHub's own model routing is not used, as its requests have no price in tokens.

    Standard output has no tokens. The OpenTelemetry file has those of each call, and is written with a delay: without
    the gateway, spending shows late while it runs. The repository's settings, hooks and servers are not loaded, as its
    folder is not trusted.
    """

    name = "copilot"
    program = "copilot"
    capability = Capability(metered=True, dialects=("anthropic", "openai"))

    def __init__(self) -> None:
        self._follower = Follower(CopilotTally)
        self._spans = Follower(CopilotSpans)

    @staticmethod
    def spans(context: RoundContext) -> Path:
        """The OpenTelemetry file of this round."""
        return context.out / "copilot-spans.jsonl"

    def invocation(self, context: RoundContext) -> Invocation:
        owner = provider_named(self.provider(context.ref) or "")
        model = bare_model(context.ref.model, owner.name)
        argv = [self.program, "--allow-all", "--no-ask-user", "--no-auto-update", "--output-format", "json"]
        if model is not None:
            argv.append(f"--model={model}")
        config = context.out / "copilot"
        config.mkdir(exist_ok=True)
        return Invocation(
            argv=(*argv, f"--prompt={prompt_argument(context)}"),
            env=environment(
                context,
                COPILOT_HOME=str(config),
                COPILOT_OFFLINE="true",
                COPILOT_AUTO_UPDATE="false",
                COPILOT_OTEL_FILE_EXPORTER_PATH=str(self.spans(context)),
                **_endpoint(context, owner),
            ),
            secrets=reach(context, url=(), key=owner.keys[:1]).secrets if owner.name else (),
            network=network(context),
            no_output_seconds=silence(context.ref),
        )

    @staticmethod
    def _usage(tally: CopilotTally, spans: CopilotSpans) -> Usage:
        is_partial = tally.broke_off or tally.result_count is None or spans.counted < tally.calls
        return spans.total.usage(has_worked=tally.calls > 0, is_partial=is_partial)

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._spans.so_far(self.spans(context)).total.usage(has_worked=True, is_partial=True).spent

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).result_count

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, CopilotTally())
        spans = add_up(self.spans(context), CopilotSpans())
        verdict = tally.verdict(finished, is_cut_off=spans.is_cut_off)
        return finish(finished, verdict, self._usage(tally, spans), tally.trouble)


def _failure_words(data: dict[str, Any]) -> str:
    parts = [data.get("statusCode"), data.get("errorMessage")]
    return one_line(" ".join(str(part) for part in parts if part is not None)) or "a call failed"


def _endpoint(context: RoundContext, owner: Provider) -> dict[str, str]:
    """The program's variables of a provider: its own name for the key, which a command reads without the gateway."""
    endpoint = context.endpoint
    url = owner.base_url if endpoint is None or endpoint.url is None else endpoint.url
    variables = {
        "COPILOT_PROVIDER_BASE_URL": url,
        "COPILOT_PROVIDER_TYPE": "anthropic" if owner.dialect == "anthropic" else "openai",
        "COPILOT_PROVIDER_WIRE_API": "responses" if owner.name == "openai" else "completions",
    }
    if endpoint is not None and endpoint.key is not None:
        return {**variables, "COPILOT_PROVIDER_API_KEY": endpoint.key}
    return {**variables, "COPILOT_PROVIDER_API_KEY_COMMAND": f'printf %s "${owner.keys[0]}"'}
