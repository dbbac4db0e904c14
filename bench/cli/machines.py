"""`bench machines`: who works for the farm."""

import click

from bench.cli.answers import show_answer
from bench.cli.session import note, open_farm
from bench.cli.status import machines_table
from bench.errors import BenchError
from db.repositories.machines import Machines
from db.rows import documents
from planner.cli.formats import Output, output_options


@click.group()
def machines() -> None:
    """The machines of the farm."""


@machines.command("list")
@output_options("machines")
def list_(output: Output) -> None:
    """List the machines, with what they can do and what they run."""
    with open_farm() as farm:
        found = Machines(farm.engine).list_all()
    show_answer(output, lambda: documents(found), lambda: [machines_table(found)])


@machines.command()
@click.argument("machine_id")
def trust(machine_id: str) -> None:
    """Give work again to a machine that was suspended after three infrastructure failures in a row."""
    with open_farm() as farm:
        if not Machines(farm.engine).trust_again(machine_id):
            raise BenchError(f"no machine is called {machine_id!r}; see: bench machines list")
    note(f"machine {machine_id} gets work again")


@machines.command()
@click.argument("machine_id")
def forget(machine_id: str) -> None:
    """Free the name of a machine that is gone, or that lost the token in its run directory.

    A name belongs to the machine that registered it first, until it is freed here. What that machine still runs
    goes on; it gets no more work unless it registers again.

    \b
    Example:
      bench machines forget ci-7
    """
    with open_farm() as farm:
        if not Machines(farm.engine).forget(machine_id):
            raise BenchError(f"no machine is called {machine_id!r}; see: bench machines list")
    note(f"the name {machine_id} is free")
