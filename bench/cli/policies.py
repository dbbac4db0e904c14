"""`bench policies`: register, list and remove trained policies."""

from pathlib import Path

import click

from bench.cli.answers import show_answer
from bench.cli.session import note, open_farm
from bench.results.policies_show import policies_table, short_epoch
from db.repositories.policies import Policies
from db.rows import documents
from planner.cli.formats import Output, output_options


@click.group()
def policies() -> None:
    """Register trained policies, to score benches with them."""


@policies.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--name", help="Name in reports.  [default: kind and short hash of the bundle]")
@click.option("--replace", is_flag=True, help="Replace another bundle of that name.")
def register(bundle: Path, name: str | None, replace: bool) -> None:
    """Register a trained policy by its bundle.

    BUNDLE is a directory that `planner export` wrote. Its hashes and golden decisions are verified first. It is not
    copied: after you move it, register it again. With --replace, the decisions of the old bundle are deleted.

    \b
    Example:
      bench policies register bundle --name mlp-a
      bench regret --policy mlp-a
    """
    from bench.results.policies import register as register_bundle

    with open_farm(create=True) as farm:
        policy, done = register_bundle(farm.engine, bundle, name, replace=replace)
    state = "is registered already" if done == "unchanged" else f"is {done}"
    note(f"{policy.name} {state}: {policy.kind}, epoch {short_epoch(policy.epoch)}, {policy.path}")


@policies.command("list")
@output_options("policies")
def list_(output: Output) -> None:
    """List the registered policies.

    With the number of benches that each was scored on.

    \b
    Example:
      bench policies list
    """
    with open_farm() as farm:
        rows = Policies(farm.engine).list_all()
    show_answer(output, lambda: documents(rows), lambda: [policies_table(rows)])


@policies.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove a registered policy and its decisions.

    NAME is its name in reports. The bundle on disk is kept.

    \b
    Example:
      bench policies remove mlp-a
    """
    with open_farm() as farm:
        Policies(farm.engine).remove(name)
    note(f"{name} is removed, with its decisions")
