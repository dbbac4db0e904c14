"""Adapter of `aider`: one message from a file; results from its event log, else from its standard output."""

import dataclasses
import json
from pathlib import Path
from typing import Final

from workers.toolchains import provider
from workers.toolchains.aider_output import AiderAnswers, AiderTally, AiderWords, messages
from workers.toolchains.base import Finished, Invocation, Report, RoundContext
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.litellm_client import LitellmClient, litellm_client, miscounts_refusals
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
from workers.untrusted import one_line, read_bytes

_NO_SUMMARY_TOKENS: Final = 1_000_000
"""Below this many tokens of history nothing is summarized: those calls are in no figure of the program's."""


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
        client = litellm_client(context)
        # --verbose prints each answer with its reason to end and its tokens, which nothing else does.
        argv = [self.program, "--yes-always", "--no-stream", "--no-pretty", "--verbose"]
        # --yes-always would also agree to send usage statistics, to commit, and to edit .gitignore.
        argv += ["--no-analytics", "--no-check-update", "--no-show-release-notes", "--no-detect-urls"]
        argv += ["--no-show-model-warnings", "--no-suggest-shell-commands", "--no-fancy-input"]
        argv += ["--no-auto-commits", "--no-dirty-commits", "--no-gitignore"]
        argv += ["--chat-history-file", str(context.out / "aider-chat.md")]
        argv += ["--input-history-file", str(context.out / "aider-input.txt")]
        argv += ["--message-file", str(context.prompt), "--analytics-log", str(self.log(context))]
        argv += ["--max-chat-history-tokens", str(_NO_SUMMARY_TOKENS)]
        argv += ["--model-settings-file", str(_write_settings(context, client))]
        if context.ref.model is not None:
            argv += ["--model", context.ref.model]
        return Invocation(
            argv=tuple(argv),
            env=environment(context, **client.reach.env),
            secrets=client.reach.secrets,
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
        words, answers = AiderWords(messages(output)), AiderAnswers(output)
        usage = tally.usage(context.ref.model)
        answered = tally.answered
        if usage.tokens is None:
            usage, answered = words.usage(context.ref.model), words.answered
        trouble = tally.exception or words.trouble
        broke_off = words.broke_off or provider.broke_off(tally.exception)
        usage = _with_answers(usage, answers, context.ref.model)
        usage = dataclasses.replace(usage, is_partial=usage.is_partial or broke_off)
        last_failed = bool(tally.exception or words.trouble) and not words.answered
        answered = (answered and not words.is_empty) or words.has_edited
        verdict = _verdict(finished, answered, trouble)
        if answers.is_refused and not last_failed:
            verdict = provider.refused()
            usage = Usage(has_worked=True) if miscounts_refusals(context.ref.model) else usage
        return finish(finished, verdict, usage, trouble if last_failed else "")


def _write_settings(context: RoundContext, client: LitellmClient) -> Path:
    """Write aider's model settings: parameters of every call, laid over those of the repository's own files.

    The base URL and, with the gateway, the key are given with each call, because a `.env` or `.aider.conf.yml` of the
    repository replaces environment variables. The HTTP client repeats nothing: aider itself does, and reports it.
    """
    parameters: dict[str, object] = {"max_retries": 0}
    if client.base_url is not None:
        parameters["api_base"] = client.base_url
    if context.endpoint is not None and context.endpoint.key is not None:
        parameters["api_key"] = context.endpoint.key
    path = context.out / "aider-models.yml"
    # JSON is also YAML.
    path.write_text(json.dumps([{"name": "aider/extra_params", "extra_params": parameters}]), "utf-8")
    return path


def _with_answers(usage: Usage, answers: AiderAnswers, model: str | None) -> Usage:
    """`usage`, or that of the printed answers where it lacks one of them."""
    if not answers.missing_from(usage):
        return usage
    whole = priced(model, answers.tokens, has_worked=True)
    if whole.priced is None and usage.spent is not None:
        return dataclasses.replace(usage, is_partial=True)
    return whole


def _verdict(finished: Finished, answered: bool, trouble: str) -> Report:
    if not answered:
        words = trouble or error_text(finished)
        if words and (trouble or provider.is_provider_failure(words)):
            return provider.failure(words, "")
        return Report("failed", message=one_line(f"no answer, {exit_words(finished)} {words}"))
    if finished.has_failed:
        return Report("failed", message=f"answered, but ended with {exit_words(finished)}")
    return Report("success")
