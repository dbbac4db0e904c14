"""`bench circuits`: the circuit breakers of capability classes whose provider fails."""

import click

from bench.cli.answers import show_answer
from bench.cli.session import note, open_farm
from bench.farm_tables import paused_table
from bench.pauses import pause_documents
from bench.steering import close_circuit
from db.repositories.circuits import Circuits
from planner.cli.formats import Output, output_options


@click.group()
def circuits() -> None:
    """List and close the circuit breakers of model providers.

    When executions of a capability class fail by their provider several times in a row, the class is paused: one
    execution after the other probes the provider, after 30 seconds at first and 10 minutes at most, and the first one
    that it answers resumes the class. What failed meanwhile runs again.
    """


@circuits.command("list")
@output_options("circuits")
def list_(output: Output) -> None:
    """List the paused classes with reason and next probe.

    \b
    Example:
      bench circuits list
    """
    with open_farm() as farm:
        rows = Circuits(farm.engine).paused()
    show_answer(output, lambda: pause_documents(rows), lambda: [paused_table(rows)])


@circuits.command()
@click.argument("class_name", metavar="CLASS")
def close(class_name: str) -> None:
    """Resume a paused class now, without a probe.

    If its provider still fails, the class is paused again.

    \b
    Example:
      bench circuits close claude
    """
    with open_farm() as farm:
        done = close_circuit(farm.engine, class_name)
    note(done)
