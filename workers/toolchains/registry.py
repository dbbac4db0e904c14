"""Registry of the toolchains by name, and checks whether one can run here."""

import logging
import shutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from workers.errors import WorkerError
from workers.prices.table import check_prices
from workers.spec import ToolchainRef
from workers.toolchains.acp import Acp
from workers.toolchains.aider import Aider
from workers.toolchains.base import Toolchain
from workers.toolchains.claude import Claude
from workers.toolchains.codex import Codex
from workers.toolchains.command import Command
from workers.toolchains.copilot import Copilot
from workers.toolchains.gemini import Gemini
from workers.toolchains.mini_swe_agent import MiniSweAgent
from workers.toolchains.opencode import Opencode
from workers.toolchains.options import check_options
from workers.toolchains.pi import Pi
from workers.toolchains.plugins import Plugins, discover
from workers.toolchains.qwen import Qwen
from workers.toolchains.repair import Repair

_log = logging.getLogger(__name__)
_ADAPTERS: tuple[Toolchain, ...] = (
    Command(),
    Repair(),
    Claude(),
    Codex(),
    Opencode(),
    Aider(),
    MiniSweAgent(),
    Acp(),
    Pi(),
    Gemini(),
    Qwen(),
    Copilot(),
)
_BUILT_IN: Mapping[str, Toolchain] = MappingProxyType({each.name: each for each in _ADAPTERS})
"""In code, as the metadata of an editable installation may be older than its sources."""
_INSTALL = {
    "claude": "npm install -g @anthropic-ai/claude-code",
    "codex": "npm install -g @openai/codex",
    "opencode": "npm install -g opencode-ai",
    "aider": "pip install aider-chat",
    "mini-swe-agent": "pip install mini-swe-agent",
    "pi": "npm install -g @mariozechner/pi-coding-agent",
    "gemini": "npm install -g @google/gemini-cli",
    "qwen": "npm install -g @qwen-code/qwen-code",
    "copilot": "npm install -g @github/copilot",
}


@cache
def _plugins() -> Plugins:
    """The adapters of other distributions, loaded once a process, when a name first needs them."""
    plugins = discover(_BUILT_IN)
    for fault in plugins.faults.values():
        _log.warning("%s", fault)
    return plugins


def known_toolchains() -> tuple[str, ...]:
    """The names that a config may use: the built-in ones, then those of other distributions."""
    return (*_BUILT_IN, *_plugins().toolchains)


def toolchain_faults() -> tuple[str, ...]:
    """One line on each adapter of another distribution that is not used: broken, or with a name that is taken."""
    return tuple(_plugins().faults.values())


def get_toolchain(name: str) -> Toolchain:
    """The adapter of that name, thread-safe. Raises `WorkerError` for an unknown or broken one."""
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    plugins = _plugins()
    if name in plugins.toolchains:
        return plugins.toolchains[name]
    raise WorkerError(
        plugins.faults.get(name)
        or f"unknown toolchain {name!r}; known are {', '.join(known_toolchains())} (any other program: "
        "name it `command` and give its argv)"
    )


def can_spend(ref: ToolchainRef) -> bool:
    """Whether a run can cost more than compute time: it reaches a model provider, or has the network.

    `command` may be any program, but one without the network and without a provider cannot reach one.
    """
    toolchain = get_toolchain(ref.name)
    if ref.network or toolchain.provider(ref) is not None:
        return True
    return toolchain.uses_provider and not isinstance(toolchain, Command)


def check_ref(ref: ToolchainRef) -> None:
    """Check a reference before anything is stored.

    Raises:
        WorkerError: an unknown name, an option that the adapter cannot honour, an invalid template or an unreadable
            price file.
    """
    toolchain = get_toolchain(ref.name)
    check_options(ref, toolchain)
    if toolchain.uses_provider:
        check_prices()


def missing_executable(ref: ToolchainRef) -> str | None:
    """One line on what to install where this machine lacks the program; None where it is installed.

    A program inside the checkout (a relative path, or one under a placeholder) cannot be checked in advance.
    """
    toolchain = get_toolchain(ref.name)
    program = toolchain.executable(ref)
    if not program.startswith("/") and ("/" in program or "{" in program):
        return None
    if shutil.which(program) is not None:
        return None
    package = _INSTALL.get(ref.name)
    otherwise = "install it, or correct argv" if toolchain.capability.argv else "install it"
    remedy = f"install it (`{package}`)" if package else otherwise
    return f"toolchain {ref.name}: no executable {program!r} on this machine's PATH; {remedy}"
