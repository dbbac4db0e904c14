"""Adapter of `claude`: Claude Code in print mode, with results from its stream of JSON lines."""

from pathlib import Path

from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.claude_stream import ClaudeTally
from workers.toolchains.endpoint import bare_model, reach
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.program import ModelDrivenToolchain, decimal_usd, finish, network, silence
from workers.toolchains.surroundings import environment

_SECRETS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")


class Claude(ModelDrivenToolchain):
    """Claude Code: the prompt on standard input, a configuration directory of its own."""

    name = "claude"
    program = "claude"
    capability = Capability(metered=True, max_turns=True, dialects=("anthropic",))
    default_provider = "anthropic"

    def __init__(self) -> None:
        self._follower = Follower(ClaudeTally)

    def invocation(self, context: RoundContext) -> Invocation:
        argv = [self.program, "-p", "--verbose", "--output-format", "stream-json"]
        # Only partial messages have output tokens before the result.
        argv += ["--include-partial-messages", "--permission-mode", "bypassPermissions"]
        # The repository's own settings could set the base URL, and so be sent the key.
        argv += ["--setting-sources", "user"]
        model = bare_model(context.ref.model, self.provider(context.ref))
        if model is not None:
            argv += ["--model", model]
        if context.ref.max_turns is not None:
            argv += ["--max-turns", str(context.ref.max_turns)]
        argv += ["--max-budget-usd", decimal_usd(context.max_micro_usd)]
        # For this round alone: in a lasting directory an earlier round may have put a file or a link.
        config = context.out / "claude"
        config.mkdir(exist_ok=True)
        access = reach(context, url=("ANTHROPIC_BASE_URL",), key=("ANTHROPIC_API_KEY",), secrets=_SECRETS)
        return Invocation(
            argv=tuple(argv),
            env=environment(
                context,
                CLAUDE_CONFIG_DIR=str(config),
                CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
                DISABLE_AUTOUPDATER="1",
                # As root it refuses bypassPermissions unless this variable declares a sandbox.
                IS_SANDBOX="1",
                CLAUDE_CODE_MAX_RETRIES="2",
                **access.env,
            ),
            stdin=context.prompt,
            secrets=access.secrets,
            network=network(context),
            no_output_seconds=silence(context.ref),
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).usage().spent

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).result_count

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, ClaudeTally())
        stall = "its answer stalled" if finished.ended_by == "silence" and tally.is_awaiting else ""
        return finish(finished, tally.verdict(finished), tally.usage(), tally.trouble or stall)
