"""Adapter of `my-agent`, which prints JSON lines: an example of a toolchain in a distribution of its own."""

from pathlib import Path
from typing import Any

from workers.prices.tokens import Tokens
from workers.toolchains import provider
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.endpoint import reach
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.program import (
    ModelDrivenToolchain,
    Usage,
    error_text,
    finish,
    network,
    priced,
    prompt_argument,
    silence,
)
from workers.toolchains.surroundings import environment
from workers.untrusted import count, mapping, one_line


class MyAgentTally:
    """Accumulator of the program's events: `usage` for each call, `error`, and the `answer` at the end."""

    def __init__(self) -> None:
        self.tokens: Tokens | None = None
        self.answer = ""
        self.error = ""

    def feed(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "usage":
                usage = mapping(event.get("usage"))
                given, out = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
                if given is not None and out is not None:
                    self.tokens = (self.tokens or Tokens()) + Tokens(input=given, output=out)
            case "error":
                self.error = one_line(event.get("message")) or "error"
            case "answer":
                self.answer = one_line(event.get("text"))

    def usage(self, model: str | None) -> Usage:
        """The tokens of all calls, priced."""
        return priced(model, self.tokens, has_worked=bool(self.answer))

    def verdict(self, finished: Finished) -> Report:
        """The report of a program that ended by itself."""
        if self.error or not self.answer:
            return provider.failure(self.error or error_text(finished), "no answer")
        return Report("success", message=self.answer)


class MyAgent(ModelDrivenToolchain):
    """my-agent: the prompt as an argument, base URL and key by variables."""

    name = "my-agent"
    program = "my-agent"
    capability = Capability(metered=True, dialects=("openai",))
    default_provider = "openai"

    def __init__(self) -> None:
        self._follower = Follower(MyAgentTally)

    def invocation(self, context: RoundContext) -> Invocation:
        access = reach(context, url=("OPENAI_BASE_URL",), key=("OPENAI_API_KEY",))
        return Invocation(
            argv=(self.program, "--json", f"--model={context.ref.model}", "--", prompt_argument(context)),
            env=environment(context, **access.env),
            secrets=access.secrets,
            network=network(context),
            no_output_seconds=silence(context.ref),
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).usage(context.ref.model).spent

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return 1 if self._follower.so_far(stdout).answer else None

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, MyAgentTally())
        return finish(finished, tally.verdict(finished), tally.usage(context.ref.model), tally.error)
