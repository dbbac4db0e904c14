"""Adapter of `codex`: Codex CLI, `codex exec --json`; it reports tokens but no costs."""

import json
from dataclasses import replace
from pathlib import Path

from workers.gateway.providers import provider_named
from workers.prices.tokens import Tokens, highest
from workers.toolchains import provider
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.calls import may_reach_a_dearer_tier
from workers.toolchains.codex_sessions import SessionReader
from workers.toolchains.codex_stream import CodexTally
from workers.toolchains.endpoint import bare_model, reach
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.program import (
    ModelDrivenToolchain,
    Usage,
    finish,
    network,
    priced,
    prompt_argument,
    silence,
)
from workers.toolchains.surroundings import environment

_OPENAI = "openai"
_KEY = "OPENAI_API_KEY"
_KEYS = (_KEY, "CODEX_API_KEY")
_NAME = "farm"


def _key_names(context: RoundContext) -> tuple[str, ...]:
    """The variables that may hold the key of the configured provider."""
    endpoint = context.endpoint
    if endpoint is not None and endpoint.is_metered:
        return (_KEY,)
    owner = _owner(context)
    return _KEYS if owner == _OPENAI else provider.secret_names(f"{owner}/")


def _owner(context: RoundContext) -> str:
    """The provider whose key and URL are used; its calls are in OpenAI's dialect."""
    return (context.endpoint and context.endpoint.provider) or context.ref.provider or _OPENAI


def _authorization(context: RoundContext) -> str:
    """The setting that names the variable with the key: of several the first one that is set, which a shell finds."""
    names = _key_names(context)
    if len(names) < 2:
        return "".join(f",env_key={json.dumps(name)}" for name in names)
    choice = json.dumps(f'printf %s "${{{names[0]}:-${names[1]}}}"')
    return f',auth={{command="sh",args=["-c",{choice}]}}'


def _provider_settings(context: RoundContext) -> tuple[str, ...]:
    """Arguments that define a provider of its own.

    No variable sets the base URL of the built-in one, which tries WebSockets first and ignores OPENAI_API_KEY.
    """
    url = context.endpoint.url if context.endpoint is not None else None
    url = url or provider_named(_owner(context)).base_url
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
        model = bare_model(context.ref.model, _owner(context))
        if model is not None:
            argv += ["--model", model]
        access = reach(context, url=(), key=_key_names(context))
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
        sessions = self._sessions.so_far(self.home(context), context.ref.model)
        recorded, model = sessions.usage, context.ref.model
        is_partial = tally.is_partial or any(thread not in sessions.names for thread in tally.threads)
        tokens, is_worked = highest(tally.tokens, recorded.tokens), bool(tally.answer)
        if recorded.tokens is not None and tokens == recorded.tokens:
            return replace(recorded, has_worked=is_worked, is_partial=is_partial or recorded.is_partial)
        # The stream counts the main agent's turns as one sum; where it counts more, the records lack something.
        is_partial = is_partial or recorded.is_partial or may_reach_a_dearer_tier(model, tokens or Tokens())
        return priced(model, tokens, has_worked=is_worked, is_partial=is_partial)

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._usage(context, self._follower.so_far(stdout)).spent

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).result_count

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, CodexTally())
        return finish(finished, tally.verdict(finished), self._usage(context, tally), tally.trouble)
