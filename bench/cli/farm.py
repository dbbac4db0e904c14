"""`bench up` and `bench down`."""

import os
from pathlib import Path

import click

from bench.cli.answers import show_answer
from bench.cli.session import note, open_farm, tell_home
from bench.config.errors import ConfigError
from bench.config.load import find_config, load_config
from bench.embedded.farm import EmbeddedFarm
from bench.embedded.home import home_to_stop
from bench.embedded.parts import parts_status
from bench.errors import BenchError
from bench.terminal import parts_table
from planner.cli.formats import Output, output_options
from workers.spec import ToolchainRef


@click.command()
@click.option(
    "--slots", type=click.IntRange(min=1), help="Executions at the same time; one a core unless given."
)
@output_options("parts")
def up(slots: int | None, output: Output) -> None:
    """Start the embedded farm of this project: database, broker, coordinator, worker.

    A second `bench up` joins; what crashed is started anew. Every other command starts the servers it needs
    by itself; one that only reads starts neither coordinator nor worker, and makes no farm where none is.

    \b
    Example:
      bench up --slots 4
    """
    with open_farm(create=True) as farm:
        if farm.embedded is None:
            raise BenchError(
                "BENCH_DATABASE_URL is set: a fleet is started on its machines, not with `bench up`"
            )
        farm.start_parts(slots, _toolchains_here())
        parts = [*farm.embedded.status(), *parts_status(farm.embedded)]
    show_answer(output, lambda: {"parts": [vars(part) for part in parts]}, lambda: [parts_table(parts)])


def _toolchains_here() -> list[ToolchainRef]:
    """Those of the config that is found from here: the variables that they name are here now, and maybe not later."""
    try:
        return load_config(find_config(Path.cwd())).workcell.toolchains or []
    except ConfigError as error:
        note(f"{str(error).splitlines()[0]}: the variables that its toolchains name are not handed over")
        return []


@click.command()
def down() -> None:
    """Stop the embedded farm of this project; its data stays.

    Running executions are handed back and go on at the next start.
    """
    home = home_to_stop(Path.cwd(), os.environ)
    tell_home(home)
    EmbeddedFarm(home.root, note).down()
    note("the farm is down")
