"""Validation of a toolchain's options against what its adapter can honour (capability check)."""

import difflib
from collections.abc import Collection, Iterator

from workers.errors import WorkerError
from workers.gateway.providers import PROVIDERS, provider_named
from workers.spec import ToolchainRef
from workers.toolchains.base import Toolchain
from workers.toolchains.command import Command, placeholders


def check_options(ref: ToolchainRef, toolchain: Toolchain) -> None:
    """Check the options of a reference, without starting anything.

    Raises:
        WorkerError: one line on the first option that the adapter cannot honour, with the remedy.
    """
    if toolchain.capability.argv:
        toolchain.executable(ref)  # raises where `argv` is missing
    if isinstance(toolchain, Command):
        placeholders(ref)
    for objection in _objections(ref, toolchain):
        raise WorkerError(f"toolchain {ref.name}: {objection}")


def _objections(ref: ToolchainRef, toolchain: Toolchain) -> Iterator[str]:
    capability = toolchain.capability
    if ref.argv is not None and not capability.argv:
        yield "argv is for `command` and its like only; take it out"
    if ref.max_turns is not None and not capability.max_turns:
        yield "max_turns cannot be honoured: the program has no such limit; take it out, or set limit_minutes"
    if ref.network is False and capability.network:
        yield "network: false cannot be honoured: the program needs the network; take it out"
    if toolchain.uses_provider:
        yield from _provider_objections(ref, toolchain)
    else:
        yield from _needless(ref)


def _needless(ref: ToolchainRef) -> Iterator[str]:
    """The options about a model provider, for a toolchain that has none."""
    options = {
        "provider": ref.provider is not None,
        "base_url": ref.base_url is not None,
        "gateway": not ref.gateway,
    }
    if given := [name for name, is_given in options.items() if is_given]:
        yield f"{' and '.join(given)} cannot be honoured: it calls no model provider; take it out"


def _provider_objections(ref: ToolchainRef, toolchain: Toolchain) -> Iterator[str]:
    capability, name = toolchain.capability, toolchain.provider(ref)
    if ref.gateway and not capability.metered:
        yield (
            "its calls cannot pass through the gateway, which is on by default; set `gateway: off`, and its own "
            "figures and limits are the only ones"
        )
    if not ref.gateway and not capability.unmetered:
        yield "gateway: off cannot be honoured: it reports no usage, so only the gateway can meter it; take it out"
    if name is None:
        yield from _without_provider(ref, toolchain)
        return
    if capability.dialects and provider_named(name).dialect not in capability.dialects:
        yield _dialect_objection(name, ref.name, capability.dialects)
    if ref.gateway and ref.base_url is None and not provider_named(name).base_url:
        yield (
            f"provider {name} is not known, so the gateway has no address for it; set `base_url`, or name one of "
            f"{', '.join(PROVIDERS)} by `provider`"
        )


def _dialect_objection(name: str, toolchain: str, dialects: Collection[str]) -> str:
    calls = f"providers of the {' and '.join(dialects)} dialect only"
    provider = provider_named(name)
    if provider.name in PROVIDERS:
        return (
            f"provider {name} has the dialect {provider.dialect}, and the program calls {calls}; set `provider`, or "
            "another toolchain"
        )
    near = difflib.get_close_matches(name, PROVIDERS, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"provider {name} is not known{hint}; {toolchain} calls {calls}"


def _without_provider(ref: ToolchainRef, toolchain: Toolchain) -> Iterator[str]:
    """Objections to a reference that names no provider, neither itself nor by its model."""
    if ref.base_url is not None:
        yield "base_url needs a provider, whose dialect it has; set `provider`, such as openai or anthropic"
    elif ref.gateway and not isinstance(toolchain, Command):  # any program, which has no network by default
        yield (
            "neither its model nor `provider` names a model provider, so the gateway cannot meter its calls; set "
            "`provider`, or a model with one, such as openai/gpt-5"
        )
