"""Validation of a toolchain against the gateway: provider, price and key, before money is set aside."""

import re
from collections.abc import Collection, Iterable
from typing import Final, Protocol

from workers.gateway.keys import is_key_variable, missing_key_line
from workers.gateway.providers import PROVIDERS, Provider, provider_named
from workers.prices.table import price_of
from workers.spec import ToolchainRef

_LONG_CONTEXT: Final = re.compile(r"\[\w+\]$")
"""Suffix of a model's name, such as `[1m]`, that the program takes off."""
_ALIASES: Final = frozenset(
    {"auto", "best", "default", "flash", "flash-lite", "haiku", "opus", "opusplan", "pro", "sonnet"}
)
"""Names that a program resolves to a model, so that only the door learns which."""


class UsesProvider(Protocol):
    """The part of a toolchain's adapter that these checks need."""

    def provider(self, ref: ToolchainRef) -> str | None: ...


def refusal_of(ref: ToolchainRef, toolchain: UsesProvider, keys: Collection[str] | None) -> str | None:
    """An error line where a reference cannot run with the gateway as the config has it; None where it can.

    `keys` are the names of the keys of the machine that does the work; None: not known, or not needed.
    """
    name = toolchain.provider(ref)
    provider = None if name is None else provider_named(name)
    line = _env_refusal(ref, provider)
    if line is None and provider is not None:
        line = _provider_refusal(ref, provider) if ref.gateway else None
        line = line or _key_refusal(ref, provider, keys)
    return None if line is None else f"toolchain {ref.name}: {line}"


def address_refusal(refs: Iterable[tuple[ToolchainRef, UsesProvider]]) -> str | None:
    """An error line where two toolchains of one workcell have different base URLs of a provider; None otherwise.

    A door forwards to one base URL for each provider.
    """
    addresses: dict[str, str] = {}
    for ref, toolchain in refs:
        name = toolchain.provider(ref)
        if name is None or not ref.gateway:
            continue
        provider = provider_named(name)
        base_url = ref.base_url or provider.base_url
        if addresses.setdefault(provider.name, base_url) != base_url:
            return (
                f"toolchain {ref.name}: provider {provider.name} has two base URLs in one workcell; bench them in two "
                "configs, or, for a server with OpenAI's API, give one a `provider` name of its own"
            )
    return None


def unmetered_lines(refs: Iterable[tuple[ToolchainRef, UsesProvider]]) -> list[str]:
    """One warning for each toolchain that holds a provider's key, as its calls do not pass through the gateway."""
    names = dict.fromkeys(
        ref.name
        for ref, toolchain in refs
        if not ref.gateway and (toolchain.provider(ref) or any(map(is_key_variable, ref.env)))
    )
    return [
        f"{name}: gateway off: the program's own figures are the only ones, caps are only as hard as its own limit, "
        "and it holds the real key, which the repository may take"
        for name in names
    ]


def _env_refusal(ref: ToolchainRef, provider: Provider | None) -> str | None:
    own = () if provider is None else provider.keys
    for name in ref.env if ref.gateway else ():
        if is_key_variable(name) or name in own:
            return (
                f"{name} is a provider key that the gateway holds; take it out of env (with `gateway: off` the "
                "program may have it)"
            )
    return None


def _provider_refusal(ref: ToolchainRef, provider: Provider) -> str | None:
    if not provider.base_url and ref.base_url is None:
        return (
            f"provider {provider.name} is not known, so that the gateway has no address for it; set base_url, or name "
            f"one of {', '.join(PROVIDERS)} by `provider`"
        )
    model = _LONG_CONTEXT.sub("", (ref.model or "").strip())
    if not model or model.lower() in _ALIASES or price_of(model, provider.name) is not None:
        return None
    bare = model.rsplit("/", 1)[-1]  # the door looks a model up by the name in the call
    example = f'{{"as_of": "2026-01-31", "models": {{"{bare:.100}": {{"input": 1.25, "output": 10}}}}}}'
    return (
        f"model {model:.100} has no price, so that the gateway cannot hold its calls to a cap; add its dollars per "
        f"million tokens to a file, such as {example}, and export its path as BENCH_PRICES; or "
        "correct its name"
    )


def _key_refusal(ref: ToolchainRef, provider: Provider, keys: Collection[str] | None) -> str | None:
    # Without the gateway a program may get its key by whatever `env` names.
    if keys is None or (not ref.gateway and ref.env):
        return None
    return missing_key_line(provider, keys)
