"""Adapter of `mini-swe-agent`: its `mini` program, with results from the trajectory that it writes after every step."""

import re
from pathlib import Path

from workers.spec import ToolchainRef
from workers.toolchains import version
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.litellm_client import litellm_client
from workers.toolchains.mini_output import PrintedText, Trajectory, is_newer
from workers.toolchains.program import (
    ModelDrivenToolchain,
    decimal_usd,
    finish,
    network,
    prompt_argument,
    silence,
)
from workers.toolchains.surroundings import environment
from workers.untrusted import dollars, micro, parse_json, read_bytes

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
        client = litellm_client(context)
        env = environment(context, **_settings(context), **client.reach.env)
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
            secrets=client.reach.secrets,
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
        console = PrintedText(finished.stdout, finished.stderr)
        verdict = trajectory.verdict(finished, _limit(context), console)
        # A retry that a step followed was no failure.
        is_failing = is_newer(finished.stderr, self.trajectory(context))
        trouble = trajectory.exception or (console.trouble if is_failing else "")
        return finish(finished, verdict, trajectory.usage(context.ref.model, console), trouble)


def _settings(context: RoundContext) -> dict[str, str]:
    """The program's own variables: no questions, no configuration of the user's, no hidden retries."""
    settings = {
        "MSWEA_CONFIGURED": "true",
        "MSWEA_GLOBAL_CONFIG_DIR": str(context.home / ".config" / "mini-swe-agent"),
        # It repeats every error ten times otherwise, a context overflow too.
        "MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT": "1",
        # OpenAI's client repeats a call without a word otherwise, also one whose answer was charged.
        "OPENAI_LOG": "info",
    }
    if context.endpoint is not None and context.endpoint.is_metered:
        # It ends at the first answer of an unknown price otherwise; the gateway knows the price.
        settings["MSWEA_COST_TRACKING"] = "ignore_errors"
    return settings
