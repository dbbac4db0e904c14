"""`codex`: Codex CLI, `codex exec --json`; it reports tokens but no money."""

from pathlib import Path
from typing import Any

from workers.toolchains import provider
from workers.toolchains.base import Finished, Invocation, Report, RoundContext
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.pricing import Tokens
from workers.toolchains.program import (
    Program,
    error_text,
    exit_words,
    finish,
    network,
    priced,
    prompt_argument,
    silence,
)
from workers.toolchains.surroundings import environment
from workers.toolchains.untrusted import count, mapping, one_line


def _tokens(usage: dict[str, Any]) -> Tokens | None:
    """Input includes the cached tokens, output the reasoning."""
    given, out = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if given is None or out is None:
        return None
    cached = min(count(usage.get("cached_input_tokens")) or 0, given)
    return Tokens(input=given - cached, cached=cached, output=out)


class CodexTally:
    """Turns and answers; the usage of a turn counts from the session's start, so the highest stands."""

    def __init__(self) -> None:
        self.tokens: Tokens | None = None
        self.answer = ""
        self._ended = ""
        self._error = ""

    def feed(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "turn.completed":
                self._ended = "completed"
                self.tokens = _more(_tokens(mapping(event.get("usage"))), self.tokens)
            case "turn.failed":
                self._ended = "failed"
                self._error = one_line(mapping(event.get("error")).get("message")) or self._error
            case "turn.started":
                self._ended = ""
            case "error":
                # "Reconnecting… 1/5" is one too: an error counts only where no completed turn follows.
                self._error = one_line(event.get("message")) or self._error
            case "item.completed":
                item = mapping(event.get("item"))
                if (item.get("type") or item.get("item_type")) in ("agent_message", "assistant_message"):
                    self.answer = one_line(item.get("text"))

    def verdict(self, finished: Finished) -> Report:
        if self._ended != "completed":
            words = self._error or error_text(finished)
            return provider.failure(words, f"the turn did not complete, {exit_words(finished)}")
        if not self.answer:
            # A used-up quota can end as a completed turn that says nothing.
            return provider.failure(self._error, "") if self._error else Report("failed", message="no answer")
        if finished.exit_code != 0:
            return Report("failed", message=f"answered, but ended with {exit_words(finished)}")
        return Report("success", message=self.answer)


class RolloutTally:
    """The session record below CODEX_HOME, which counts tokens while the turn still runs."""

    def __init__(self) -> None:
        self.tokens: Tokens | None = None

    def feed(self, event: dict[str, Any]) -> None:
        payload = mapping(event.get("payload"))
        if payload.get("type") == "token_count":
            totals = mapping(mapping(payload.get("info")).get("total_token_usage"))
            self.tokens = _more(_tokens(totals), self.tokens)


def _more(one: Tokens | None, other: Tokens | None) -> Tokens | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda tokens: (tokens.total_in + tokens.output, tokens.output))


class Codex(Program):
    """Codex CLI: the prompt as an argument, standard input closed (it waits on an open one)."""

    name = "codex"
    program = "codex"

    def __init__(self) -> None:
        self._follower = Follower(CodexTally)
        self._rollouts = Follower(RolloutTally)

    @staticmethod
    def home(context: RoundContext) -> Path:
        """CODEX_HOME of this round alone, so that its session record is this round's."""
        return context.out / "codex"

    def invocation(self, context: RoundContext) -> Invocation:
        argv = [self.program, "exec", "--json", "--dangerously-bypass-approvals-and-sandbox"]
        argv += ["--skip-git-repo-check"]
        if context.ref.model is not None:
            argv += ["--model", context.ref.model]
        home = self.home(context)
        home.mkdir(parents=True, exist_ok=True)
        return Invocation(
            argv=(*argv, "--", prompt_argument(context)),
            env=environment(context, CODEX_HOME=str(home)),
            secrets=("CODEX_API_KEY", "OPENAI_API_KEY"),
            network=network(context.ref),
            no_output_seconds=silence(context.ref),
        )

    def _recorded(self, context: RoundContext) -> Tokens | None:
        """The most any session record of this round counts; sub-sessions repeat their parent's totals."""
        most: Tokens | None = None
        try:
            paths = sorted((self.home(context) / "sessions").glob("*/*/*/rollout-*.jsonl"))[-16:]
        except OSError:
            return None
        for path in paths:
            most = _more(most, self._rollouts.so_far(path).tokens)
        return most

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        told = self._follower.so_far(stdout).tokens
        return priced(context.ref.model, _more(told, self._recorded(context))).spent

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, CodexTally())
        tokens = tally.tokens if tally.tokens is not None else self._recorded(context)
        return finish(finished, tally.verdict(finished), priced(context.ref.model, tokens))
