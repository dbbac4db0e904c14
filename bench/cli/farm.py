"""`bench up` and `bench down`."""

from pathlib import Path

import click

from bench.cli.answers import show_answer
from bench.cli.session import FARM_DIRECTORY, note, open_farm
from bench.config.errors import ConfigError
from bench.config.load import find_config, load_config
from bench.embedded.farm import EmbeddedFarm
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
    """Start the embedded farm of this directory: database, broker, coordinator, worker.

    A second `bench up` joins; what crashed is started anew. Every other command starts the servers it needs
    by itself.

    \b
    Example:
      bench up --slots 4
    """
    with open_farm() as farm:
        if farm.embedded is None:
            raise BenchError(
                "BENCH_DATABASE_URL is set: a fleet is started on its machines, not with `bench up`"
            )
        farm.start_parts(slots, _toolchains_here())
        parts = [*farm.embedded.status(), *parts_status(farm.embedded)]
    show_answer(output, lambda: {"parts": [vars(part) for part in parts]}, lambda: [parts_table(parts)])


def _toolchains_here() -> list[ToolchainRef]:
    """Those of the config in this directory: the variables that they name are here now, and maybe not later."""
    try:
        return load_config(find_config(Path.cwd())).workcell.toolchains or []
    except ConfigError as error:
        note(f"{str(error).splitlines()[0]}: the variables that its toolchains name are not handed over")
        return []


@click.command()
def down() -> None:
    """Stop the embedded farm of this directory; its data stays.

    Running executions are handed back and go on at the next start.
    """
    farm = EmbeddedFarm(FARM_DIRECTORY, note)
    farm.down()
    note("the farm is down")
