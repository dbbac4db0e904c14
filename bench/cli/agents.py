"""`bench agents`: the coding agents of this machine, and whether they work."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.answers import show_answer
from bench.cli.session import home_here, note
from bench.config.load import find_config, load_config
from bench.terminal import Bullet, seconds, table
from planner.cli.formats import Output, output_options
from workers.spec import ToolchainRef

if TYPE_CHECKING:
    from bench.config.models import WorkcellDefaults
    from workers.execution.agent_check import AgentCheck


@click.group()
def agents() -> None:
    """Check the coding agents of this machine."""


@agents.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--config", type=click.Path(path_type=Path), help="Config file.  [default: the project's]")
@output_options("agents")
def check(names: tuple[str, ...], config: Path | None, output: Output) -> int:
    """Start each agent once, without a call to its provider.

    Shows whether the program is installed and its version, which provider it needs and whether the key is set, and
    starts it in the sandbox against a scripted model of this machine: whether its call arrives through the gateway, and
    whether its usage is metered. Nothing is spent. Checks the toolchains of the config; those named; or, where the
    config has no agent, every known one that is installed. Exit code 1 where one fails.

    \b
    Examples:
      bench agents check
      bench agents check claude codex -o json
    """
    from workers.execution.agent_check import check_agent

    workcell = load_config(config or find_config(Path.cwd())).workcell
    keys = _keys()
    checks = []
    for ref, needs_key in _chosen(names, workcell):
        note(f"checking {ref.name} …")
        checks.append(check_agent(ref, keys, sandbox=workcell.sandbox or "auto", needs_key=needs_key))
    show_answer(output, lambda: {"agents": [_row(each) for each in checks]}, lambda: _parts(checks))
    return 1 if any(each.problems for each in checks) else 0


def _chosen(names: tuple[str, ...], workcell: "WorkcellDefaults") -> list[tuple[ToolchainRef, bool]]:
    """The toolchains to check, each with whether a missing key is a problem."""
    from workers.execution.agent_check import reference_for
    from workers.toolchains.registry import get_toolchain, known_toolchains, missing_executable

    configured = [
        ref for ref in workcell.toolchains or [] if get_toolchain(ref.name).provider(ref) is not None
    ]
    if names:
        by_name = {name: [ref for ref in workcell.toolchains or [] if ref.name == name] for name in names}
        return [(ref, True) for name, refs in by_name.items() for ref in refs or [reference_for(name)]]
    if configured:
        return [(ref, True) for ref in configured]
    adapters = [get_toolchain(name) for name in known_toolchains()]
    known = [reference_for(each.name) for each in adapters if each.uses_provider and not each.capability.argv]
    return [(ref, False) for ref in known if missing_executable(ref) is None]


def _keys() -> dict[str, Any]:
    """The sources of the worker's keys: this shell's, and those that a running embedded worker has."""
    from bench.embedded.farm import EmbeddedFarm
    from bench.embedded.parts import worker_variables
    from workers.gateway.keys import read_keys, sources_of

    home = home_here()
    is_embedded = not os.environ.get("BENCH_DATABASE_URL") and home.exists
    variables = worker_variables(EmbeddedFarm(home.root, note)) if is_embedded else dict(os.environ)
    read_keys(variables, note)
    return dict(sources_of(variables))


def _row(checked: "AgentCheck") -> dict[str, Any]:
    start, provider = checked.start, checked.provider
    return {
        "toolchain": checked.ref.name,
        "model": checked.ref.model,
        "program": checked.program,
        "is_installed": checked.is_installed,
        "version": checked.version,
        "provider": None if provider is None else provider.name,
        "key_names": [] if provider is None else list(provider.keys),
        "key_from": None if checked.key is None else checked.key.variable,
        "gateway": checked.ref.gateway,
        "calls_arrived": None if start is None else start.calls,
        "is_metered": None if start is None else start.is_metered,
        "usd_served": None if start is None else start.micro_usd_served / 1e6,
        "usd_metered": None
        if start is None or start.micro_usd_metered is None
        else start.micro_usd_metered / 1e6,
        "seconds": None if start is None else start.seconds,
        "problems": list(checked.problems),
    }


def _parts(checks: list["AgentCheck"]) -> list[Any]:
    rows = [_cells(each) for each in checks]
    columns = ("agent", "version", "provider", "key", "calls>", "metered", "took>", "")
    lines = [Bullet(problem) for each in checks for problem in each.problems]
    nothing = "no agent is installed here; name one: bench agents check claude"
    return [table("Agents", columns, rows), *lines] if checks else [nothing]


def _cells(checked: "AgentCheck") -> tuple[Any, ...]:
    start = checked.start
    key = "" if checked.provider is None else "missing" if checked.key is None else checked.key.variable
    metered = "" if start is None else "yes" if start.is_metered else "no"
    return (
        checked.ref.name,
        checked.version or ("unknown" if checked.is_installed else "not installed"),
        "" if checked.provider is None else checked.provider.name,
        key,
        None if start is None else start.calls,
        f"{metered}, gateway off" if metered and not checked.ref.gateway else metered,
        None if start is None else seconds(start.seconds * 1000),
        _verdict(checked),
    )


def _verdict(checked: "AgentCheck") -> str:
    start = checked.start
    if checked.problems and start is not None and start.problem is None:
        return "needs a key"
    return "fails" if checked.problems else "works"
