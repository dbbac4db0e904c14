"""Adapter `command`: any program, started by a template; for tools without an adapter of their own."""

import dataclasses
import re
from pathlib import Path

from workers.errors import WorkerError
from workers.gateway.providers import provider_named
from workers.spec import ToolchainRef
from workers.toolchains import contract
from workers.toolchains.base import Capability, Finished, Invocation, Report, RoundContext
from workers.toolchains.endpoint import Reach, client_variables, reach
from workers.toolchains.surroundings import environment

PLACEHOLDERS = (
    "workdir",
    "prompt",
    "manifest",
    "result",
    "out",
    "home",
    "seed",
    "round",
    "budget_seconds",
    "model",
)
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def _template(ref: ToolchainRef) -> list[str]:
    if not ref.argv:
        raise WorkerError(
            f"toolchain {ref.name} has no argv: give the program and its arguments, such as "
            'argv: ["my-agent", "--prompt", "{prompt}"]'
        )
    return ref.argv


def placeholders(ref: ToolchainRef) -> set[str]:
    """The placeholders in the template. Raises `WorkerError` for an unknown or unbalanced one."""
    used = set()
    for element in _template(ref):
        for match in _FIELD.finditer(element):
            if match.group() in ("{{", "}}"):
                continue
            if match.group(1) not in PLACEHOLDERS:
                raise WorkerError(
                    f"toolchain {ref.name}: argv element {element!r} holds the unknown placeholder "
                    f"{match.group()!r}; use {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}, "
                    "and {{ or }} for a plain brace"
                )
            used.add(match.group(1))
    if "model" in used and ref.model is None:
        raise WorkerError(f"toolchain {ref.name}: argv uses {{model}}, but no model is set; set `model`")
    return used


def _values(context: RoundContext) -> dict[str, str]:
    return {
        "workdir": str(context.checkout),
        "prompt": str(context.prompt),
        "manifest": str(context.manifest),
        "result": str(contract.result_path(context)),
        "out": str(context.out),
        "home": str(context.home),
        "seed": str(context.seed),
        "round": str(context.round),
        "budget_seconds": contract.number(context.budget_seconds),
        "model": context.ref.model or "",
    }


def fill(context: RoundContext) -> tuple[str, ...]:
    """The template with its placeholders filled in, element by element; no shell ever sees it."""
    placeholders(context.ref)
    values = _values(context)

    def value(match: re.Match[str]) -> str:
        return match.group()[0] if match.group(1) is None else values[match.group(1)]

    return tuple(_FIELD.sub(value, element) for element in _template(context.ref))


class Command:
    """The general adapter.

    A program that has the network, or that money is set aside for, and that reports no cost has an unknown
    cost; any other cannot have spent money at a provider, and its cost is 0.
    """

    name = "command"
    uses_provider = True
    capability = Capability(budget_blind=False, metered=True, argv=True)

    def provider(self, ref: ToolchainRef) -> str | None:
        """Only the one that the reference names: any program may be behind it."""
        return ref.provider

    def executable(self, ref: ToolchainRef) -> str:
        return _template(ref)[0]

    def version(self, ref: ToolchainRef) -> str | None:
        """None: a wrapper script may ignore `--version` and start to work."""
        return None

    def invocation(self, context: RoundContext) -> Invocation:
        access = self._reach(context)
        return Invocation(
            argv=fill(context),
            env=environment(context, **contract.variables(context), **access.env),
            secrets=access.secrets,
            network=bool(context.ref.network),
            no_output_seconds=context.ref.no_output_seconds,
        )

    def _reach(self, context: RoundContext) -> Reach:
        """Base URL and key of `provider`, in the variables that the usual clients of its dialect read."""
        name = self.provider(context.ref)
        if name is None:
            return Reach()
        owner = provider_named(name)
        urls, keys = client_variables(owner)
        return reach(context, url=urls, key=keys, secrets=owner.keys)

    def spent(self, context: RoundContext, stdout: Path) -> int | None:
        return contract.spent(context)

    def result_count(self, context: RoundContext, stdout: Path) -> int | None:
        """None: while it runs, `result.json` need not be final."""
        return None

    def report(self, context: RoundContext, finished: Finished) -> Report:
        result = contract.report(context, finished, blame="provider")
        if result.micro_usd is None and not context.ref.network and not context.max_micro_usd:
            return dataclasses.replace(result, micro_usd=0, is_lower_bound=False)
        return result
