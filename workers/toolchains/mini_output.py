"""Parsers of mini-swe-agent's output: the trajectory file, and what it prints."""

import os
import re
from pathlib import Path
from typing import Any

from workers.prices.tokens import Tokens
from workers.toolchains import provider
from workers.toolchains.base import Finished, Report
from workers.toolchains.litellm_client import miscounts_refusals
from workers.toolchains.program import Usage, error_text, exit_words, priced
from workers.untrusted import (
    count,
    dollars,
    mapping,
    micro,
    one_line,
    parse_json,
    read_bytes,
    read_tail,
    sequence,
)

_REFUSALS = ("content_filter", "refusal")
"""Finish reasons of an answer that the model, or its provider's filter, refused."""
_STATUSES = ("LimitsExceeded", "TimeExceeded", "RepeatedFormatError")
"""Exit statuses that are printed as such; of a submission, its text is."""
_EXIT = re.compile(r"^Exit:\n(.*?)(?=^Saved trajectory to|\Z)", re.MULTILINE | re.DOTALL)
_RETRY = re.compile(r"^Retrying \S+ in [\d.]+ seconds as it raised (.+)$|(\bRetrying request\b).*$")
"""A retry by the program, with the error, or by its HTTP client, without."""
_TAIL_BYTES = 256 * 1024


def _tokens(answers: list[dict[str, Any]]) -> Tokens | None:
    """The token counts of the provider's answers; the prompt's include the cached."""
    total: Tokens | None = None
    for answer in answers:
        usage = mapping(answer.get("usage"))
        given, out = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
        if given is None or out is None:
            continue
        details = mapping(usage.get("prompt_tokens_details"))
        cached = min(count(details.get("cached_tokens")) or 0, given)
        total = (total or Tokens()) + Tokens(input=given - cached, cached=cached, output=out)
    return total


def _is_refusal(answer: dict[str, Any]) -> bool:
    choices = sequence(answer.get("choices"))
    choice = mapping(choices[0]) if choices else {}
    message = mapping(choice.get("message"))
    fields = mapping(message.get("provider_specific_fields"))
    return choice.get("finish_reason") in _REFUSALS or bool(message.get("refusal") or fields.get("refusal"))


class Trajectory:
    """Parsed trajectory file; a missing or invalid one has no values."""

    def __init__(self, data: bytes | None) -> None:
        document = mapping(None if data is None else parse_json(data))
        info = mapping(document.get("info"))
        stats = mapping(info.get("model_stats"))
        extras = [mapping(mapping(each).get("extra")) for each in sequence(document.get("messages"))]
        answers = [mapping(extra.get("response")) for extra in extras if mapping(extra.get("response"))]
        self.present = bool(info)
        self.exit_status = one_line(info.get("exit_status"), 80)
        self.exception = one_line(extras[-1].get("exception_str")) if extras else ""
        self.usd = dollars(stats.get("instance_cost"))
        self.calls = count(stats.get("api_calls"))
        self.tokens = _tokens(answers)
        self.is_refused = bool(answers) and _is_refusal(answers[-1])
        self._lacks_a_price = any(extra.get("response") and extra.get("cost") == 0 for extra in extras)

    @property
    def lacks_an_answer(self) -> bool:
        """Whether an answer may have been charged that is not counted."""
        words = f"{self.exit_status} {self.exception}"
        # An answer whose cost it cannot calculate ends the program, and is kept nowhere.
        return provider.broke_off(words) or "calculating cost" in words

    def usage(self, model: str | None, console: "PrintedText") -> Usage:
        """Usage of the trajectory; a cost of 0 with calls means that the program does not know the price."""
        has_worked = self.calls != 0 if self.present else console.has_answered
        if self.is_refused and miscounts_refusals(model):
            return Usage(has_worked=True)
        lacks_a_price = self._lacks_a_price and bool(self.usd)
        return priced(
            model,
            self.tokens,
            self.usd,
            has_worked=has_worked,
            is_partial=lacks_a_price or self.lacks_an_answer or console.lacks_an_answer,
        )

    def verdict(self, finished: Finished, limit: int, console: "PrintedText") -> Report:
        """The report by the exit status; where no trajectory is left, by what was printed."""
        status, exception = self.exit_status, self.exception
        if not self.present and console.exit_text is not None:
            status, exception = console.status(finished), console.exit_text
        match status:
            case "Submitted":
                return Report("success", message="submitted")
            case "LimitsExceeded":
                if (micro(self.usd) or 0) >= limit:
                    return Report("error", "killed_by_cap", "stopped at its own money limit (--cost-limit)")
                return Report("partial", message="stopped at its step limit")
            case "TimeExceeded":
                return Report("partial", message="stopped at its own time limit")
            case "RepeatedFormatError":
                if self.is_refused:
                    return provider.refused()
                return Report("failed", message="the model kept answering in the wrong format")
            case "":
                words = error_text(finished)
                if self.present and not words:
                    return Report("failed", message=f"ended without an exit status, {exit_words(finished)}")
                return provider.failure(words[-300:], f"no trajectory, {exit_words(finished)}")
        return provider.failure(f"{status}: {exception}", "error")


class PrintedText:
    """Parsed standard output and standard error: the exit text, steps and retries."""

    def __init__(self, stdout: Path, stderr: Path) -> None:
        text = (read_bytes(stdout) or b"")[-_TAIL_BYTES:].decode("utf-8", "replace")
        texts = _EXIT.findall(text)
        self.exit_text = one_line(texts[-1]) if texts else None
        """What it printed at its end; None where it has not ended by itself."""
        self.has_answered = "mini-swe-agent (step 1," in text or self.exit_text in _STATUSES
        lines = [_RETRY.search(line) for line in read_tail(stderr, _TAIL_BYTES).splitlines()]
        retries = [match for match in lines if match is not None]
        self.lacks_an_answer = any(match[1] is None or provider.broke_off(match[1]) for match in retries)
        """Whether an answer that broke off, or may have, was requested again: its cost is not reported."""
        last = lines[-1] if lines else None
        self.trouble = "" if last is None else one_line(last[1] or last[2])
        """The provider's error, where the last line is of a retry."""

    def status(self, finished: Finished) -> str:
        """The exit status that the exit text implies."""
        if self.exit_text in _STATUSES:
            return self.exit_text
        return "error" if finished.has_failed else "Submitted"


def is_newer(path: Path, other: Path) -> bool:
    """Whether a file was written after another, or the other is missing."""
    try:
        return os.lstat(path).st_mtime_ns >= os.lstat(other).st_mtime_ns
    except OSError:
        return os.path.lexists(path)
