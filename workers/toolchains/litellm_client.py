"""LiteLLM client of a program (aider, mini-swe-agent): the variables of base URL and key, by the model's prefix."""

from dataclasses import dataclass

from workers.gateway.providers import PROVIDERS, provider_named
from workers.toolchains import provider
from workers.toolchains.base import RoundContext
from workers.toolchains.endpoint import Reach, implied_provider, reach
from workers.toolchains.program import network

_SECOND_NAMES = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL"}
"""Variables that LiteLLM reads in addition to `*_API_BASE`."""
_GEMINI_PATH = "/v1beta"
"""LiteLLM's base URL for Gemini ends with the version, which Gemini's own clients append."""


@dataclass(frozen=True)
class LitellmClient:
    """How LiteLLM reaches the provider of a round's model."""

    reach: Reach
    base_url: str | None
    """The base URL that `reach` sets, or else the provider's own; None where neither is known."""


def litellm_client(context: RoundContext) -> LitellmClient:
    """The client settings of a round.

    LiteLLM chooses the wire format by the prefix of the model's name, so the prefix decides the variables, and not
    `ref.provider`: `openai/NAME` of any provider with OpenAI's format is reached by `OPENAI_API_BASE`.
    """
    prefix = _prefix(context)
    secrets = provider.secret_names(context.ref.model)
    if prefix is None:
        return LitellmClient(Reach(secrets=secrets), None)
    names = (_variable(prefix, "API_BASE"), *filter(None, (_SECOND_NAMES.get(prefix),)))
    plain = reach(context, url=names, key=(_variable(prefix, "API_KEY"),))
    env = {name: _as_litellm(prefix, value) if name in names else value for name, value in plain.env.items()}
    is_metered = context.endpoint is not None and context.endpoint.is_metered
    if not network(context):
        # Its table of prices is fetched from the network at each start otherwise, with retries.
        env["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    is_named = any(name in context.ref.env for name in names)
    own = (
        None if is_named or prefix not in PROVIDERS else _as_litellm(prefix, provider_named(prefix).base_url)
    )
    return LitellmClient(Reach(env, () if is_metered else secrets), env.get(names[0], own))


def miscounts_refusals(model: str | None) -> bool:
    """Whether LiteLLM's usage of a refused answer is wrong: of Gemini's, it ignores the cache and the thinking."""
    return implied_provider(model) == "gemini"


def _prefix(context: RoundContext) -> str | None:
    """What stands before the slash of the model's name, or the family of a bare name."""
    if context.ref.model is None:
        return None if context.endpoint is None else context.endpoint.provider
    return implied_provider(context.ref.model)


def _variable(prefix: str, suffix: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in prefix.upper()) + f"_{suffix}"


def _as_litellm(prefix: str, url: str) -> str:
    return url.rstrip("/") + _GEMINI_PATH if prefix == "gemini" else url
