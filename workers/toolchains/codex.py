"""Adapter of `codex`: Codex CLI, `codex exec --json`; it reports tokens but no costs."""

import contextlib
from pathlib import Path
from typing import Any

from workers.prices.tokens import Tokens, highest
from workers.toolchains import provider
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.program import (
    ModelDrivenToolchain,
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
from workers.toolchains.untrusted import count, mapping, one_line, sequence

_MAX_ROLLOUTS = 256


def _tokens(usage: dict[str, Any]) -> Tokens | None:
    """Input includes the tokens read from and written to the cache, output the reasoning."""
    given, out = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if given is None or out is None:
        return None
    cached = min(count(usage.get("cached_input_tokens")) or 0, given)
    written = min(count(usage.get("cache_write_input_tokens")) or 0, given - cached)
    return Tokens(input=given - cached - written, cached=cached, cache_write=written, output=out)


class CodexTally:
    """Turns and answers; the usage of a turn counts from the session's start, so the highest is kept."""

    def __init__(self) -> None:
        self.tokens: Tokens | None = None
        self.answer = ""
        self.threads: set[str] = set()
        """The sessions of sub-agents, which this stream does not count."""
        self.trouble = ""
        """What went wrong with the last call of the model; empty where it succeeded."""
        self._turns = 0
        self._ended = ""
        self._error = ""
        self._has_items = False
        self._is_broken = False

    @property
    def result_count(self) -> int | None:
        """The number of ended turns; None while another one runs."""
        return self._turns if self._ended else None

    @property
    def is_partial(self) -> bool:
        """Whether a call is not counted: the last one of an unfinished turn, or one with an interrupted answer."""
        return self._is_broken or not self._ended

    def feed(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "turn.completed":
                self._ended, self._turns, self.trouble = "completed", self._turns + 1, ""
                self.tokens = highest(_tokens(mapping(event.get("usage"))), self.tokens)
            case "turn.failed":
                self._failed(one_line(mapping(event.get("error")).get("message")))
            case "turn.started":
                self._ended = ""
            case "error":
                # "Reconnecting… 1/5" is one too: an error counts only where no completed turn follows.
                self._fault(one_line(event.get("message")))
            case "item.started" | "item.completed":
                self._item(mapping(event.get("item")))

    def _failed(self, words: str) -> None:
        self._fault(words)
        if self._ended != "completed":  # what follows a completed turn does not undo it
            self._ended, self._turns = "failed", self._turns + 1

    def _fault(self, words: str) -> None:
        self.trouble = self._error = words or self._error
        self._is_broken = self._is_broken or provider.broke_off(words)

    def _item(self, item: dict[str, Any]) -> None:
        kind = item.get("type") or item.get("item_type")
        if kind == "error":
            return
        self._has_items, self.trouble = True, ""
        if kind in ("agent_message", "assistant_message"):
            self.answer = one_line(item.get("text"))
        for thread in sequence(item.get("receiver_thread_ids")):
            if len(self.threads) < _MAX_ROLLOUTS:
                self.threads.add(one_line(thread, 100))

    def verdict(self, finished: Finished) -> Report:
        if self._ended != "completed":
            words = self._error or error_text(finished)
            return provider.failure(words, f"the turn did not complete, {exit_words(finished)}")
        if not self.answer:
            if not self._has_items and self.tokens is not None and self.tokens.output:
                return provider.refused()  # it answered, and did not show the answer
            # A used-up quota can end as a completed turn without an answer.
            return provider.failure(self._error, "") if self._error else Report("failed", message="no answer")
        if finished.has_failed:
            return Report("failed", message=f"answered, but ended with {exit_words(finished)}")
        return Report("success", message=self.answer)


class RolloutTally:
    """Usage from the session record below CODEX_HOME, which counts tokens while the turn still runs."""

    def __init__(self) -> None:
        self.tokens: Tokens | None = None

    def feed(self, event: dict[str, Any]) -> None:
        payload = mapping(event.get("payload"))
        if payload.get("type") == "token_count":
            totals = mapping(mapping(payload.get("info")).get("total_token_usage"))
            # The total is set back where the context overflows.
            self.tokens = highest(_tokens(totals), self.tokens)


class Codex(ModelDrivenToolchain):
    """Codex CLI: the prompt as an argument, standard input closed (it waits on an open one)."""

    name = "codex"
    program = "codex"
    capability = Capability(metered=True, dialects=("openai",))
    default_provider = "openai"

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
            network=network(context),
            no_output_seconds=silence(context.ref),
        )

    def _recorded(self, context: RoundContext) -> tuple[Tokens | None, str]:
        """The sum over the session records of this round, and the names of those with any tokens.

        Each sub-agent has a record of its own, with the id of its session in its name.
        """
        counted: list[tuple[str, Tokens]] = []
        with contextlib.suppress(OSError):
            paths = sorted((self.home(context) / "sessions").glob("*/*/*/rollout-*.jsonl"))
            result_count = [
                (path.name, self._rollouts.so_far(path).tokens) for path in paths[-_MAX_ROLLOUTS:]
            ]
            counted = [(name, tokens) for name, tokens in result_count if tokens is not None]
        total = sum((tokens for _, tokens in counted), Tokens()) if counted else None
        return total, "\n".join(name for name, _ in counted)

    def _usage(self, context: RoundContext, tally: CodexTally) -> Usage:
        recorded, names = self._recorded(context)
        return priced(
            context.ref.model,
            highest(tally.tokens, recorded),
            has_worked=bool(tally.answer),
            is_partial=tally.is_partial or any(thread not in names for thread in tally.threads),
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._usage(context, self._follower.so_far(stdout)).spent

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).result_count

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, CodexTally())
        return finish(finished, tally.verdict(finished), self._usage(context, tally), tally.trouble)
