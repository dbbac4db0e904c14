"""`bench up` and `bench down`: start and stop the embedded farm."""

import os
from pathlib import Path

import click

from bench.cli.answers import show_answer
from bench.cli.session import note, note_home, open_farm
from bench.config.errors import ConfigError
from bench.config.load import find_config, load_config
from bench.embedded.farm import EmbeddedFarm
from bench.embedded.home import home_to_stop
from bench.embedded.parts import parts_status
from bench.embedded.paths import FarmPaths
from bench.errors import BenchError
from bench.terminal import parts_shown
from planner.cli.formats import Output, output_options
from workers.spec import ToolchainRef


@click.command()
@click.option(
    "--slots", type=click.IntRange(min=1), help="Executions at the same time.  [default: number of CPU cores]"
)
@click.option("--page/--no-page", default=True, show_default=True, help="Serve the farm's page, too.")
@output_options("parts")
def up(slots: int | None, page: bool, output: Output) -> None:
    """Start the farm of this project on this machine.

    Starts database, broker, coordinator, worker and page; those that run already are kept. The page's address has its
    token. Other commands start the servers that they need, and no page. Commands that only read start no coordinator
    and no worker, and create no farm.

    \b
    Example:
      bench up --slots 4
    """
    with open_farm(create=True) as farm:
        if farm.embedded is None:
            raise BenchError(
                "BENCH_DATABASE_URL is set, which is a fleet's: unset it for a farm on this machine, or start "
                "`bench worker` and `bench coordinator` on the machines of the fleet"
            )
        farm.start_parts(slots, _toolchains_here())
        if page:
            farm.start_page()
        parts = [*farm.embedded.status(), *parts_status(farm.embedded)]
    show_answer(output, lambda: {"parts": [vars(part) for part in parts]}, lambda: parts_shown(parts))


def _toolchains_here() -> list[ToolchainRef]:
    """The toolchains of the project's config, whose variables are set in this shell, and perhaps not in a later one."""
    try:
        return load_config(find_config(Path.cwd())).workcell.toolchains or []
    except ConfigError as error:
        note(f"{str(error).splitlines()[0]}: the variables of its toolchains are not passed to the worker")
        return []


@click.command()
def down() -> None:
    """Stop the farm of this project on this machine.

    Its data is kept. Running executions return to the queue, and run again after the next start.

    \b
    Example:
      bench down
    """
    home = home_to_stop(Path.cwd(), os.environ)
    # The servers of a farm whose directory was deleted still have their sockets.
    if not home.exists and not FarmPaths.at(home.root).sockets.is_dir():
        note(f"there is no farm in {home.root}: nothing to stop")
        return
    note_home(home)
    EmbeddedFarm(home.root, note).down()
    note("the farm is down")
