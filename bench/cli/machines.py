"""`bench machines`: the machines whose workers serve the farm."""

import click

from bench.cli.answers import show_answer
from bench.cli.session import note, open_farm
from bench.errors import BenchError
from bench.farm_tables import machines_table
from bench.steering import trust_machine
from db.repositories.machines import Machines
from db.rows import documents
from planner.cli.formats import Output, output_options


@click.group()
def machines() -> None:
    """List and manage the machines of the farm."""


@machines.command("list")
@output_options("machines")
def list_(output: Output) -> None:
    """List the machines with their capabilities and running work.

    \b
    Example:
      bench machines list
    """
    with open_farm() as farm:
        rows = Machines(farm.engine).list_all()
    show_answer(output, lambda: documents(rows), lambda: [machines_table(rows)])


@machines.command()
@click.argument("machine_id")
def trust(machine_id: str) -> None:
    """Give work to a suspended machine again.

    A machine is suspended after three infrastructure failures in a row. Fix the cause first.

    \b
    Example:
      bench machines trust ci-7
    """
    with open_farm() as farm:
        done = trust_machine(farm.engine, machine_id)
    note(done)


@machines.command()
@click.argument("machine_id")
def forget(machine_id: str) -> None:
    """Release the name of a machine, so that another can use it.

    A name belongs to the machine that registered it first. Release it where that machine does not exist any more, or
    has lost the token in its run directory. What it still runs continues; it gets new work only after it registers
    again.

    \b
    Example:
      bench machines forget ci-7
    """
    with open_farm() as farm:
        if not Machines(farm.engine).forget(machine_id):
            raise BenchError(f"unknown machine {machine_id!r}; see: bench machines list")
    note(f"the name {machine_id} is free")
