"""Adapter of `codex`: Codex CLI, `codex exec --json`; it reports tokens but no costs."""

import json
from pathlib import Path

from workers.prices.table import price_sum
from workers.prices.tokens import highest
from workers.toolchains import provider
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.codex_sessions import SessionReader
from workers.toolchains.codex_stream import CodexTally
from workers.toolchains.endpoint import reach
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.program import (
    ModelDrivenToolchain,
    Usage,
    finish,
    network,
    prompt_argument,
    silence,
)
from workers.toolchains.surroundings import environment

_KEY = "OPENAI_API_KEY"
_KEYS = (_KEY, "CODEX_API_KEY")
_URL = "https://api.openai.com/v1"
_NAME = "farm"


def _secrets(context: RoundContext) -> tuple[str, ...]:
    owner = "openai" if context.endpoint is None else context.endpoint.provider
    return _KEYS if owner == "openai" else provider.secret_names(f"{owner}/")


def _authorization(context: RoundContext) -> str:
    """The setting that names the variable with the key: of several the first one that is set, which a shell finds."""
    names = (_KEY,) if context.endpoint is not None and context.endpoint.is_metered else _secrets(context)
    if len(names) < 2:
        return "".join(f",env_key={json.dumps(name)}" for name in names)
    choice = json.dumps(f'printf %s "${{{names[0]}:-${names[1]}}}"')
    return f',auth={{command="sh",args=["-c",{choice}]}}'


def _provider_settings(context: RoundContext) -> tuple[str, ...]:
    """Arguments that define a provider of its own.

    No variable sets the base URL of the built-in one, which tries WebSockets first and ignores OPENAI_API_KEY.
    """
    url = (context.endpoint and context.endpoint.url) or _URL
    # A JSON string is a valid string of TOML.
    table = f'name="{_NAME}",base_url={json.dumps(url)},wire_api="responses"{_authorization(context)}'
    settings = ("analytics.enabled=false", f"model_provider={_NAME}", f"model_providers.{_NAME}={{{table}}}")
    return tuple(argument for each in settings for argument in ("-c", each))


class Codex(ModelDrivenToolchain):
    """Codex CLI: the prompt as an argument, standard input closed (it waits on an open one)."""

    name = "codex"
    program = "codex"
    capability = Capability(metered=True, dialects=("openai",))
    default_provider = "openai"

    def __init__(self) -> None:
        self._follower = Follower(CodexTally)
        self._sessions = SessionReader()

    @staticmethod
    def home(context: RoundContext) -> Path:
        """CODEX_HOME of this round alone, so that its session record is this round's."""
        return context.out / "codex"

    def invocation(self, context: RoundContext) -> Invocation:
        argv = [self.program, "exec", "--json", "--dangerously-bypass-approvals-and-sandbox"]
        argv += ["--skip-git-repo-check"]
        if context.ref.model is not None:
            argv += ["--model", context.ref.model]
        access = reach(context, url=(), key=(_KEY,), secrets=_secrets(context))
        home = self.home(context)
        home.mkdir(parents=True, exist_ok=True)
        return Invocation(
            argv=(*argv, *_provider_settings(context), "--", prompt_argument(context)),
            env=environment(context, CODEX_HOME=str(home), **access.env),
            secrets=access.secrets,
            network=network(context),
            no_output_seconds=silence(context.ref),
        )

    def _usage(self, context: RoundContext, tally: CodexTally) -> Usage:
        sessions = self._sessions.so_far(self.home(context))
        model, tokens = context.ref.model, highest(tally.tokens, sessions.tokens)
        # The stream counts the main agent alone; where it counts more than the records, these lack something.
        used = sessions.used if tokens == sessions.tokens else [(model, tokens)]
        prices = [price_sum(name or model, each) for name, each in used if each]
        known = [amount for amount in prices if amount is not None]
        return Usage(
            priced=sum(known) if known and len(known) == len(prices) else None,
            tokens=tokens,
            has_worked=bool(tally.answer),
            is_partial=tally.is_partial
            or sessions.is_partial
            or any(thread not in sessions.names for thread in tally.threads),
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._usage(context, self._follower.so_far(stdout)).spent

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).result_count

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, CodexTally())
        return finish(finished, tally.verdict(finished), self._usage(context, tally), tally.trouble)
