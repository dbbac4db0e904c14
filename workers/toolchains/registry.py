"""Registry of the toolchains by name, and checks whether one can run here."""

import shutil
from collections.abc import Mapping
from types import MappingProxyType

from workers.errors import WorkerError
from workers.spec import ToolchainRef
from workers.toolchains.acp import Acp
from workers.toolchains.acp import command as acp_command
from workers.toolchains.aider import Aider
from workers.toolchains.base import Toolchain
from workers.toolchains.claude import Claude
from workers.toolchains.codex import Codex
from workers.toolchains.command import Command, placeholders
from workers.toolchains.mini_swe_agent import MiniSweAgent
from workers.toolchains.opencode import Opencode
from workers.toolchains.pricing import check_prices
from workers.toolchains.repair import Repair

_ADAPTERS: tuple[Toolchain, ...] = (
    Command(),
    Repair(),
    Claude(),
    Codex(),
    Opencode(),
    Aider(),
    MiniSweAgent(),
    Acp(),
)
_TOOLCHAINS: Mapping[str, Toolchain] = MappingProxyType({each.name: each for each in _ADAPTERS})
_INSTALL = {
    "claude": "npm install -g @anthropic-ai/claude-code",
    "codex": "npm install -g @openai/codex",
    "opencode": "npm install -g opencode-ai",
    "aider": "pip install aider-chat",
    "mini-swe-agent": "pip install mini-swe-agent",
}


def known_toolchains() -> tuple[str, ...]:
    """The names that a config may use."""
    return tuple(_TOOLCHAINS)


def get_toolchain(name: str) -> Toolchain:
    """The adapter of that name, thread-safe. Raises `WorkerError` for an unknown name."""
    try:
        return _TOOLCHAINS[name]
    except KeyError:
        raise WorkerError(
            f"unknown toolchain {name!r}; known are {', '.join(_TOOLCHAINS)} (any other program: "
            "name it `command` and give its argv)"
        ) from None


def can_spend(ref: ToolchainRef) -> bool:
    """Whether a run can cost more than compute time: it reaches a model provider, or has the network.

    `command` may be any program, but one without the network cannot reach a provider.
    """
    return bool(ref.network) or (get_toolchain(ref.name).uses_provider and ref.name != Command.name)


def check_ref(ref: ToolchainRef) -> None:
    """Check a reference. Raises `WorkerError` for an unknown name, an invalid template or an unreadable price file."""
    if get_toolchain(ref.name).uses_provider:
        check_prices()
    if ref.name == "command":
        placeholders(ref)
    elif ref.name == "acp":
        acp_command(ref)
    elif ref.argv is not None:
        raise WorkerError(f"toolchain {ref.name}: argv is for `command` and `acp` only; take it out")


def missing_executable(ref: ToolchainRef) -> str | None:
    """One line on what to install where this machine lacks the program; None where it is installed.

    A program inside the checkout (a relative path, or one under a placeholder) cannot be checked in advance.
    """
    program = get_toolchain(ref.name).executable(ref)
    if not program.startswith("/") and ("/" in program or "{" in program):
        return None
    if shutil.which(program) is not None:
        return None
    package = _INSTALL.get(ref.name)
    remedy = f"install it (`{package}`)" if package else "install it, or correct argv"
    return f"toolchain {ref.name}: no executable {program!r} on this machine's PATH; {remedy}"
