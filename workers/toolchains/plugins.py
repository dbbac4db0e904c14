"""Plug-ins: toolchain adapters of other installed distributions, discovered by entry point."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from workers.errors import WorkerError
from workers.toolchains.base import Capability, Toolchain
from workers.untrusted import one_line

GROUP: Final = "bench_farm.toolchains"
_OWN_DISTRIBUTION: Final = "bench-farm"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""A name is a part of a queue's name, where `+` separates parts."""
_METHODS: Final = ("provider", "executable", "version", "invocation", "spent", "result_count", "report")


@dataclass(frozen=True)
class Plugins:
    """The adapters of other distributions, and what is wrong with the rest of them."""

    toolchains: Mapping[str, Toolchain] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    """By name: one line on an entry point that is not used."""


def discover(built_in: Collection[str], installed: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load the adapters of other distributions; a broken one is a fault and does not affect the others.

    Args:
        built_in: the names that the farm's own adapters have; no plug-in replaces one.
        installed: the entry points of the group; None reads those of the installed distributions.
    """
    by_name: dict[str, list[EntryPoint]] = defaultdict(list)
    for entry in entry_points(group=GROUP) if installed is None else installed:
        if _distribution(entry) != _OWN_DISTRIBUTION:
            by_name[entry.name].append(entry)
    toolchains, faults = {}, {}
    for name, entries in sorted(by_name.items()):
        try:
            toolchains[name] = _only(entries, built_in)
        except WorkerError as error:
            faults[name] = str(error)
    return Plugins(toolchains, faults)


def _only(entries: list[EntryPoint], built_in: Collection[str]) -> Toolchain:
    """The adapter of the one entry point of a name. Raises `WorkerError` where there are more, or it is broken."""
    first, *others = entries
    if first.name in built_in:
        raise WorkerError(
            f"{_named(first)} has the name of a built-in adapter, which is used; rename the entry"
        )
    if others:
        owners = ", ".join(sorted(_distribution(entry) for entry in entries))
        raise WorkerError(
            f"toolchain {one_line(first.name, 60)}: {len(entries)} distributions ({owners}) have an entry point of "
            f"that name in {GROUP}; uninstall all but one"
        )
    if not _NAME.fullmatch(first.name):
        raise WorkerError(
            f"{_named(first)} has an invalid name; use letters, digits, dot, dash and underscore"
        )
    return _load(first)


def _load(entry: EntryPoint) -> Toolchain:
    try:
        loaded = entry.load()
        adapter = loaded() if isinstance(loaded, type) else loaded
        lack = _lack(entry.name, adapter)
    # A stranger's module may do anything when it is imported, even end the process.
    except (Exception, SystemExit) as error:
        text = one_line(f"{type(error).__name__}: {error}")
        raise WorkerError(f"{_named(entry)} cannot be loaded: {text}; repair or uninstall it") from error
    if lack is not None:
        raise WorkerError(f"{_named(entry)} is no toolchain adapter: {lack}; repair or uninstall it")
    toolchain: Toolchain = adapter
    return toolchain


def _lack(name: str, adapter: object) -> str | None:
    """What an object lacks of the contract of `Toolchain`; None where it lacks nothing."""
    own_name = getattr(adapter, "name", None)
    if own_name != name:
        return f"its `name` is {one_line(repr(own_name), 60)}, not {name!r}"
    if not isinstance(getattr(adapter, "uses_provider", None), bool):
        return "it has no `uses_provider`"
    if not isinstance(getattr(adapter, "capability", None), Capability):
        return "it has no `capability`"
    lacking = [method for method in _METHODS if not callable(getattr(adapter, method, None))]
    return f"it has no method {', '.join(lacking)}" if lacking else None


def _named(entry: EntryPoint) -> str:
    return (
        f"toolchain {one_line(entry.name, 60)}: entry point `{one_line(f'{entry.name} = {entry.value}', 200)}` "
        f"of distribution {_distribution(entry)}"
    )


def _distribution(entry: EntryPoint) -> str:
    """The normalized name of the distribution that declares an entry point."""
    if entry.dist is None:
        return "unknown"
    return one_line(entry.dist.name, 100).lower().replace("_", "-").replace(".", "-")
