"""Adapter of `opencode`: its run command with JSON events, one `step_finish` for each call of the model."""

import json
from pathlib import Path
from typing import Any

from workers.gateway.providers import provider_named
from workers.toolchains import provider
from workers.toolchains.base import Finished, Invocation, Report, RoundContext
from workers.toolchains.endpoint import reach
from workers.toolchains.jsonl import Follower, add_up
from workers.toolchains.opencode_stream import OpencodeTally, retried
from workers.toolchains.program import (
    ModelDrivenToolchain,
    finish,
    network,
    prompt_argument,
    silence,
)
from workers.toolchains.surroundings import environment

_NAMES = {"gemini": "google", "moonshot": "moonshotai"}
"""Its own names of providers that have another one elsewhere."""
_API_VERSIONS = {"anthropic": "/v1", "google": "/v1beta"}
"""What the program's own base URLs have in addition to those of the providers' other clients."""


def _model(context: RoundContext) -> str | None:
    """The model as `provider/name`, the only form that the program takes."""
    model = context.ref.model
    owner = (context.endpoint and context.endpoint.provider) or context.ref.provider
    return model if model is None or "/" in model or not owner else f"{_NAMES.get(owner, owner)}/{model}"


def _configuration(context: RoundContext, model: str | None) -> dict[str, str]:
    """The variable with the base URL and the gateway's token of the model's provider."""
    endpoint = context.endpoint
    if endpoint is None or endpoint.url is None or model is None:
        return {}
    owner, _, name = model.partition("/")
    options = {"baseURL": endpoint.url + _API_VERSIONS.get(owner, "")}
    if endpoint.key is not None:
        options["apiKey"] = endpoint.key
    settings: dict[str, Any] = {"options": options}
    if not provider_named(owner).base_url:  # none that the program knows: its own list lacks client and model
        settings |= {"npm": "@ai-sdk/openai-compatible", "models": {name: {}}}
    return {"OPENCODE_CONFIG_CONTENT": json.dumps({"provider": {owner: settings}})}


def _directories(context: RoundContext) -> dict[str, str]:
    """The XDG variables, for this round alone: in lasting directories an earlier round may have put a configuration."""
    kinds = ("config", "data", "state", "cache")
    return {f"XDG_{kind.upper()}_HOME": str(context.out / "opencode" / kind) for kind in kinds}


class Opencode(ModelDrivenToolchain):
    """opencode: the prompt as an argument, the model named `provider/model`."""

    name = "opencode"
    program = "opencode"

    def __init__(self) -> None:
        self._follower = Follower(OpencodeTally)

    def invocation(self, context: RoundContext) -> Invocation:
        name = _model(context)
        model = () if name is None else (f"--model={name}",)
        has_network = network(context)
        access = reach(context, url=(), key=provider.secret_names(name))
        # Without a title it asks a model for one, and that call is counted nowhere.
        flags = ("run", "--format=json", "--dangerously-skip-permissions", "--title", "farm")
        return Invocation(
            argv=(self.program, *model, *flags, "--", prompt_argument(context)),
            env=environment(
                context,
                **_directories(context),
                OPENCODE_DISABLE_AUTOUPDATE="1",
                # Without the network it waits for the list of models at each start; it has one of its own.
                **({} if has_network else {"OPENCODE_DISABLE_MODELS_FETCH": "1"}),
                # The repository's own configuration could set the base URL, and so be sent the key.
                OPENCODE_DISABLE_PROJECT_CONFIG="1",
                **_configuration(context, name),
                **access.env,
            ),
            secrets=access.secrets,
            network=has_network,
            no_output_seconds=silence(context.ref),
        )

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).usage(context.ref.model).spent

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        return self._follower.so_far(stdout).result_count

    def report(self, context: RoundContext, finished: Finished) -> Report:
        tally = add_up(finished.stdout, OpencodeTally())
        usage = tally.usage(context.ref.model)
        log = context.out / "opencode" / "data" / "opencode" / "log" / "opencode.log"
        trouble = tally.trouble or retried(log, tally.last_event_ms)
        return finish(finished, tally.verdict(finished), usage, trouble)
