"""Adapter of `aider`: one message from a file; results from its event log, else from its standard output."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from workers.prices.tokens import Tokens
from workers.toolchains import provider
from workers.toolchains.base import Finished, Invocation, Report, RoundContext
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.program import (
    ModelDrivenToolchain,
    Usage,
    error_text,
    exit_words,
    finish,
    network,
    priced,
    silence,
)
from workers.toolchains.surroundings import environment
from workers.toolchains.untrusted import MAX_COUNT, count, dollars, mapping, one_line, read_bytes

# Output that is no terminal is wrapped at 80 columns, so any gap may be a line end.
_TOKENS = re.compile(
    r"Tokens:\s+(?P<sent>[\d.]+[kM]?)\s+sent,"
    r"(?:\s+[\d.]+[kM]?\s+cache\s+write,)?(?:\s+[\d.]+[kM]?\s+cache\s+hit,)?"
    r"\s+(?P<received>[\d.]+[kM]?)\s+received\."
    r"(?:\s+Cost:\s+\$[\d.]+\s+message,\s+\$(?P<session>\d+\.\d+)\s+session\.)?"
)
_TROUBLE = re.compile(
    r"^(litellm\.\w+:.*|The API provider .*|Insufficient credits with the API provider.*"
    r"|.*\bRateLimitError\b.*)$",
    re.MULTILINE,
)
_EMPTY, _EDITED = "Empty response received from LLM", "Applied edit to"
_TAIL_BYTES = 256 * 1024


def _rounded(text: str) -> int | None:
    """A count as aider prints it: `950`, `2.3k`, `41k`, `1.2M`."""
    unit = {"k": 1_000, "M": 1_000_000}.get(text[-1:], 1)
    try:
        return count(round(float(text.rstrip("kM")) * unit))
    except (ValueError, OverflowError):
        return None


class AiderTally:
    """Usage from the event log of `--analytics-log`: a `message_send` for each answer, with the session's cost."""

    def __init__(self) -> None:
        self.answered = False
        self.exception = ""
        self.result_count: int | None = None
        """1 after its `exit` event."""
        self._usd: float | None = None
        self._tokens: Tokens | None = None
        self._sent = False
        self._is_partial = False

    def feed(self, event: dict[str, Any]) -> None:
        properties = mapping(event.get("properties"))
        if event.get("event") == "message_send_exception":
            self.exception = one_line(properties.get("exception")) or "exception"
            self.answered = False
        elif event.get("event") == "message_send":
            self._send(properties)
        elif event.get("event") == "exit":
            self.result_count = 1

    def _send(self, properties: dict[str, Any]) -> None:
        given = count(properties.get("prompt_tokens"))
        out = count(properties.get("completion_tokens"))
        self._sent = True
        usd = dollars(properties.get("total_cost"))
        if usd is not None:
            self._usd = max(usd, self._usd or 0.0)
        if given is not None and out is not None:
            self._tokens = (self._tokens or Tokens()) + Tokens(input=given, output=out)
            # A call that failed echoes the line of the one before it, with nothing sent or received.
            self.answered = out > 0
            # A model whose price it does not know adds nothing to the session's cost.
            unpriced = given + out > 0 and properties.get("cost") == 0
            self._is_partial = self._is_partial or unpriced

    def usage(self, model: str | None) -> Usage:
        """Usage of the session: tokens are priced where no model's price is known; if some are, a part is missing."""
        is_partial = self._is_partial and bool(self._usd)
        return priced(model, self._tokens, self._usd, has_worked=self._sent, is_partial=is_partial)


class AiderWords:
    """Parser of the last part of standard output: the `Tokens: … Cost: …` lines and aider's error messages."""

    def __init__(self, text: str) -> None:
        lines = list(_TOKENS.finditer(text))
        trouble = list(_TROUBLE.finditer(text))
        self.trouble = trouble[-1].group().strip() if trouble else ""
        self.broke_off = any(provider.broke_off(each.group()) for each in trouble)
        self.is_empty = text.rfind(_EMPTY) > text.rfind(_EDITED)
        self.answered = bool(lines) and (not trouble or trouble[-1].start() < lines[-1].start())
        sessions = [dollars(float(line["session"])) for line in lines if line["session"]]
        self._usd = max((usd for usd in sessions if usd is not None), default=None)
        self._tokens: Tokens | None = None
        for line in lines:
            given, out = _rounded(line["sent"]), _rounded(line["received"])
            if given is not None and out is not None and given + out < MAX_COUNT:
                self._tokens = (self._tokens or Tokens()) + Tokens(input=given, output=out)

    def usage(self, model: str | None) -> Usage:
        return priced(model, self._tokens, self._usd)


class Aider(ModelDrivenToolchain):
    """aider; its own files are kept out of the checkout where it has an option for that."""

    name = "aider"
    program = "aider"

    def __init__(self) -> None:
        self._follower = Follower(AiderTally)

    @staticmethod
    def log(context: RoundContext) -> Path:
        """The event log of this round."""
        return context.out / "aider-events.jsonl"

    def invocation(self, context: RoundContext) -> Invocation:
        argv = [self.program, "--yes-always", "--no-stream", "--no-pretty"]
        # --yes-always would also agree to send usage statistics, to commit, and to edit .gitignore.
        argv += ["--no-analytics", "--no-check-update", "--no-show-release-notes", "--no-detect-urls"]
        argv += ["--no-show-model-warnings", "--no-suggest-shell-commands", "--no-fancy-input"]
        argv += ["--no-auto-commits", "--no-dirty-commits", "--no-gitignore"]
        argv += ["--chat-history-file", str(context.out / "aider-chat.md")]
        argv += ["--input-history-file", str(context.out / "aider-input.txt")]
        argv += ["--message-file", str(context.prompt), "--analytics-log", str(self.log(context))]
        if context.ref.model is not None:
            argv += ["--model", context.ref.model]
        return Invocation(
            argv=tuple(argv),
            env=environment(context),
            secrets=provider.secret_names(context.ref.model),
            network=network(context),
            no_output_seconds=silence(context.ref),
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(self.log(context)).usage(context.ref.model).spent

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(self.log(context)).result_count

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(self.log(context), AiderTally())
        output = read_bytes(finished.stdout) or b""
        words = AiderWords(output[-_TAIL_BYTES:].decode("utf-8", "replace"))
        usage = tally.usage(context.ref.model)
        answered = tally.answered
        if usage.tokens is None:
            usage, answered = words.usage(context.ref.model), words.answered
        trouble = tally.exception or words.trouble
        broke_off = words.broke_off or provider.broke_off(tally.exception)
        usage = dataclasses.replace(usage, is_partial=usage.is_partial or broke_off)
        last_failed = bool(tally.exception or words.trouble) and not words.answered
        verdict = _verdict(finished, answered and not words.is_empty, trouble)
        return finish(finished, verdict, usage, trouble if last_failed else "")


def _verdict(finished: Finished, answered: bool, trouble: str) -> Report:
    if not answered:
        words = trouble or error_text(finished)
        if words and (trouble or provider.is_provider_failure(words)):
            return provider.failure(words, "")
        return Report("failed", message=one_line(f"no answer, {exit_words(finished)} {words}"))
    if finished.has_failed:
        return Report("failed", message=f"answered, but ended with {exit_words(finished)}")
    return Report("success")
