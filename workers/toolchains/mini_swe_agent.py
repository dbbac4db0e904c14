"""Adapter of `mini-swe-agent`: its `mini` program, with results from the trajectory that it writes after every step."""

import re
from pathlib import Path
from typing import Any

from workers.prices.tokens import Tokens
from workers.spec import ToolchainRef
from workers.toolchains import provider, version
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.program import (
    ModelDrivenToolchain,
    Usage,
    decimal_usd,
    error_text,
    exit_words,
    finish,
    network,
    priced,
    prompt_argument,
    silence,
)
from workers.toolchains.surroundings import environment
from workers.toolchains.untrusted import (
    count,
    dollars,
    mapping,
    micro,
    one_line,
    parse_json,
    read_bytes,
    sequence,
)

LIMIT_SHARE = 0.9
"""The program checks its limit before a call, not during it, and so exceeds it by one call; a tenth of the money is
kept for that call. One that costs more than the tenth still exceeds it."""
_COST = re.compile(rb'"instance_cost":\s*(\d[\d.eE+-]*)')
_EXIT = re.compile(rb'"exit_status":\s*"[^"]')
_HEAD_BYTES = 4096
_LONG_HEAD_BYTES = 128 * 1024
"""The exit status is after the configuration, which includes the prompts."""


def _limit(context: RoundContext) -> int:
    return max(int(context.max_micro_usd * LIMIT_SHARE), 1)


def _tokens(messages: list[Any]) -> Tokens | None:
    """The token counts of the provider's answers, kept in the messages; the prompt's include the cached."""
    total: Tokens | None = None
    for message in messages:
        extra = mapping(mapping(message).get("extra"))
        usage = mapping(mapping(extra.get("response")).get("usage"))
        given, out = count(usage.get("prompt_tokens")), count(usage.get("completion_tokens"))
        if given is None or out is None:
            continue
        details = mapping(usage.get("prompt_tokens_details"))
        cached = min(count(details.get("cached_tokens")) or 0, given)
        total = (total or Tokens()) + Tokens(input=given - cached, cached=cached, output=out)
    return total


class Trajectory:
    """Parsed trajectory file; a missing or invalid one has no values."""

    def __init__(self, data: bytes | None) -> None:
        document = mapping(None if data is None else parse_json(data))
        info = mapping(document.get("info"))
        stats = mapping(info.get("model_stats"))
        messages = sequence(document.get("messages"))
        self.present = bool(info)
        self.exit_status = one_line(info.get("exit_status"), 80)
        last = mapping(messages[-1]) if messages else {}
        self.exception = one_line(mapping(last.get("extra")).get("exception_str"))
        self.usd = dollars(stats.get("instance_cost"))
        self.calls = count(stats.get("api_calls"))
        self.tokens = _tokens(messages)

    def usage(self, model: str | None) -> Usage:
        """Usage of the trajectory; a cost of 0 with calls means that the program does not know the price."""
        is_partial = provider.broke_off(f"{self.exit_status} {self.exception}")
        return priced(
            model, self.tokens, self.usd, has_worked=self.present and self.calls != 0, is_partial=is_partial
        )

    def verdict(self, finished: Finished, limit: int) -> Report:
        match self.exit_status:
            case "Submitted":
                return Report("success", message="submitted")
            case "LimitsExceeded":
                if (micro(self.usd) or 0) >= limit:
                    return Report("error", "killed_by_cap", "stopped at its own money limit (--cost-limit)")
                return Report("partial", message="stopped at its step limit")
            case "TimeExceeded":
                return Report("partial", message="stopped at its own time limit")
            case "RepeatedFormatError":
                return Report("failed", message="the model kept answering in the wrong format")
            case "":
                words = error_text(finished)
                if self.present and not words:
                    return Report("failed", message=f"ended without an exit status, {exit_words(finished)}")
                return provider.failure(words[-300:], f"no trajectory, {exit_words(finished)}")
        return provider.failure(f"{self.exit_status}: {self.exception}", "error")


class MiniSweAgent(ModelDrivenToolchain):
    """mini-swe-agent: the task as an argument, no questions asked before, during or after."""

    name = "mini-swe-agent"
    program = "mini"
    capability = Capability(metered=True, max_turns=True)

    @staticmethod
    def trajectory(context: RoundContext) -> Path:
        """The trajectory of this round."""
        return context.out / "trajectory.json"

    def version(self, ref: ToolchainRef) -> str | None:
        """Its version from the banner that it prints before it refuses `--version`."""
        return version.ask(self.program)

    def invocation(self, context: RoundContext) -> Invocation:
        env = environment(
            context,
            MSWEA_CONFIGURED="true",
            MSWEA_GLOBAL_CONFIG_DIR=str(context.home / ".config" / "mini-swe-agent"),
        )
        argv = [self.program, "--yolo", "--exit-immediately", f"--task={prompt_argument(context)}"]
        argv += [f"--output={self.trajectory(context)}", f"--cost-limit={decimal_usd(_limit(context))}"]
        if context.ref.model is not None:
            argv += [f"--model={context.ref.model}"]
        if context.ref.max_turns is not None:
            # Any --config replaces the default one, which must therefore be named again.
            argv += ["--config", env.get("MSWEA_MINI_CONFIG_PATH", "mini.yaml")]
            argv += ["--config", f"agent.step_limit={context.ref.max_turns}"]
        return Invocation(
            argv=tuple(argv),
            env=env,
            secrets=provider.secret_names(context.ref.model),
            network=network(context),
            no_output_seconds=silence(context.ref),
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        """Read from the head of the file, which has the costs; the messages after it become large."""
        head = read_bytes(self.trajectory(context), _HEAD_BYTES)
        match = None if head is None else _COST.search(head)
        if match is None:
            return None
        return micro(dollars(parse_json(match.group(1)))) or None

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        """1 once the trajectory has an exit status, which is in the head; only that is read."""
        head = read_bytes(self.trajectory(context), _LONG_HEAD_BYTES)
        return 1 if head is not None and _EXIT.search(head.partition(b'"messages"')[0]) else None

    def report(self, context: RoundContext, finished: Finished) -> Report:
        trajectory = Trajectory(read_bytes(self.trajectory(context)))
        verdict = trajectory.verdict(finished, _limit(context))
        return finish(finished, verdict, trajectory.usage(context.ref.model))
